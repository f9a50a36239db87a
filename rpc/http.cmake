harrow_library(rpc_http
  SOURCES http_server.c http_exchange.c http_client.c
  LINK wire_net world base)

harrow_test(http_test SOURCES http_test.c LINK rpc_http failing)
harrow_test(http_tls_test SOURCES http_tls_test.c LINK rpc_http PkgConfig::OPENSSL)
