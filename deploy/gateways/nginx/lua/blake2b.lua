-- BLAKE2b (RFC 7693) for LuaJIT, with a key, a person and a digest of 16 bytes: how identities are digested here.
--
-- PURE. Neither OpenSSL's EVP interface nor Debian's nginx offers a personalised BLAKE2b, so it is written out: 64-bit words
-- are LuaJIT's `uint64_t`, which its compiler keeps in registers. A digest is two blocks, key and message; the key's block
-- and the issuer's are the same for every token, so their state is kept and copied, as hashlib's copy() does.

local bit = require("bit")
local ffi = require("ffi")
local bxor, ror = bit.bxor, bit.ror

local BLOCK = 128
local MORE, LAST = 0ULL, 0xffffffffffffffffULL -- numbers, as a branch would make two traces of one
local IV = ffi.new("const uint64_t[8]", {
  0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
  0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
})
local SIGMA = {
  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
  { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
  { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
  { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
  { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
  { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
  { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
  { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
  { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
  { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
}

-- The ten distinct rounds as one straight function: the tables above are read once, when it is made.
local function compile()
  local lines = { "local bxor, ror, IV = ...", "return function(h, m, t, final)" }
  local function add(...)
    lines[#lines + 1] = string.format(...)
  end
  for i = 0, 7 do
    add("local v%d, v%d = h[%d], IV[%d]", i, i + 8, i, i)
  end
  add("v12, v14 = bxor(v12, t), bxor(v14, final)")
  for round = 0, 11 do
    local s = SIGMA[round % 10 + 1]
    local function mix(a, b, c, d, x, y)
      add("v%d = v%d + v%d + m[%d]", a, a, b, s[x + 1])
      add("v%d = ror(bxor(v%d, v%d), 32)", d, d, a)
      add("v%d = v%d + v%d", c, c, d)
      add("v%d = ror(bxor(v%d, v%d), 24)", b, b, c)
      add("v%d = v%d + v%d + m[%d]", a, a, b, s[y + 1])
      add("v%d = ror(bxor(v%d, v%d), 16)", d, d, a)
      add("v%d = v%d + v%d", c, c, d)
      add("v%d = ror(bxor(v%d, v%d), 63)", b, b, c)
    end
    mix(0, 4, 8, 12, 0, 1) mix(1, 5, 9, 13, 2, 3) mix(2, 6, 10, 14, 4, 5) mix(3, 7, 11, 15, 6, 7)
    mix(0, 5, 10, 15, 8, 9) mix(1, 6, 11, 12, 10, 11) mix(2, 7, 8, 13, 12, 13) mix(3, 4, 9, 14, 14, 15)
  end
  for i = 0, 7 do
    add("h[%d] = bxor(h[%d], bxor(v%d, v%d))", i, i, i, i + 8)
  end
  add("end")
  return assert(loadstring(table.concat(lines, "\n")))(bxor, ror, IV)
end
local compress = compile()

local _M = {}
local block = ffi.new("uint64_t[16]")
local bytes = ffi.cast("uint8_t *", block)

local function load_block(text, from, count)
  ffi.fill(block, BLOCK)
  ffi.copy(bytes, ffi.cast("const char *", text) + from, count)
end

-- What digests of one key, person and prefix have in common; `digest` needs nothing else. The prefix is shorter than a
-- block, or it would have to be compressed here.
function _M.prepare(key, person, prefix)
  assert(#key > 0 and #key <= 64 and #person <= 16)
  local h = ffi.new("uint64_t[8]")
  local parameters = ffi.new("uint8_t[64]", { 16, #key, 1, 1 })
  ffi.copy(parameters + 48, person, #person)
  local words = ffi.cast("const uint64_t *", parameters)
  for i = 0, 7 do
    h[i] = bxor(IV[i], words[i])
  end
  load_block(key, 0, #key)
  compress(h, block, BLOCK, MORE)
  return { h = h, prefix = prefix }
end

local state = ffi.new("uint64_t[8]")

-- The 16 bytes of the digest of prefix and value.
function _M.digest(prepared, value)
  local message = prepared.prefix .. value
  ffi.copy(state, prepared.h, 64)
  local at = 0
  while #message - at > BLOCK do
    load_block(message, at, BLOCK)
    at = at + BLOCK
    compress(state, block, BLOCK + at, MORE)
  end
  load_block(message, at, #message - at)
  compress(state, block, BLOCK + #message, LAST)
  return ffi.string(state, 16)
end

-- The compression alone shall be compiled. Whatever takes it in, a loop over blocks above all, is too long for LuaJIT, which
-- then gives up and interprets every word of it: a hundred times as slow.
jit.off(_M.digest)
jit.off(_M.prepare)

return _M
