harrow_library(rpc_http
  SOURCES http_server.c http_connection.c http_exchange.c http_upgrade.c http_client.c http_client_request.c http_pool.c
    websocket.c websocket_client.c
  LINK wire_net world base)

harrow_test(http_test SOURCES http_test.c LINK rpc_http failing)
harrow_test(http_pool_test SOURCES http_pool_test.c LINK rpc_http failing)
harrow_test(http_upgrade_test SOURCES http_upgrade_test.c LINK rpc_http failing)
harrow_test(http_drain_test SOURCES http_drain_test.c LINK rpc_http)
harrow_test(http_tls_test SOURCES http_tls_test.c ${CMAKE_SOURCE_DIR}/wire/tls_kit.c LINK rpc_http)
if(HARROW_TESTS)
  harrow_library(rpc_websocket_kit SOURCES websocket_kit.c LINK rpc_http PkgConfig::CMOCKA)
endif()
harrow_test(websocket_test SOURCES websocket_test.c LINK rpc_websocket_kit failing)
