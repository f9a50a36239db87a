# What the second half of the runtime adds to the library: accounts, the gateway, the supervisor, the command line.
set(RUNTIME_PART2_SOURCES
  auth/accounts.c auth/auth.c auth/directory.c auth/first.c auth/operation.c auth/records.c auth/rules.c auth/secret.c
  auth/tokens.c
  api/api.c api/callers.c api/errors.c api/gateway.c api/path.c api/request.c api/routes.c
  server/child.c server/home.c server/ports.c server/server.c server/single.c
  cli/call.c cli/config.c cli/connect.c cli/invoke.c cli/login.c cli/root.c cli/server.c cli/status.c cli/store.c
  cli/tokens.c)
