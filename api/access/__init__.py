"""Who may do what: credentials become a principal, and a table says what each route asks of one."""
