#!/usr/bin/env bash
# Gives Kafka's users the rights of acls.tsv, or of the file that is named. Giving a right twice gives it once.
#
#   KAFKA_ACLS="kafka-acls.sh --bootstrap-server kafka:9093 --command-config admin.properties" deploy/kafka/acls.sh
#
# With certificates instead of names, principals are the certificates' subjects: set `ssl.principal.mapping.rules` on the
# brokers so that they come out as these names.
set -euo pipefail

table=${1:-$(dirname "$0")/acls.tsv}
read -ra command <<<"${KAFKA_ACLS:?Say how kafka-acls is called; the head of this file shows it.}"

while IFS=$'\t' read -r user resource name pattern operations; do
  case $user in '' | '#'*) continue ;; esac
  given=()
  IFS=, read -ra words <<<"$operations"
  for word in "${words[@]}"; do given+=(--operation "$word"); done
  "${command[@]}" --add --force --allow-principal "User:$user" "${given[@]}" "--$resource" "$name" \
    --resource-pattern-type "$pattern" </dev/null
done <"$table"
