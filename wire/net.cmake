# Connections: HTTP/1, gRPC over HTTP/2, TLS.
harrow_library(wire_net
  SOURCES http1_parse.c http1_head.c http1_write.c
    grpc_block.c
    grpc_client.c
    grpc_conn.c
    grpc_gzip.c
    grpc_message.c
    grpc_metadata.c
    grpc_server.c
    grpc_session.c
    grpc_stream.c
    grpc_syntax.c
    grpc_watch.c
    hpack.c
    late_openssl.c
    late_wslay.c
    multipart.c
    tls.c
    websocket_frames.c
    websocket_handshake.c
  LINK base
    late_WSLAY
    PkgConfig::NGHTTP2
    late_OPENSSL
    PkgConfig::ZLIB)

harrow_test(http1_test SOURCES http1_test.c LINK wire_net)
harrow_fuzz(http1_fuzz SOURCES http1_fuzz.c LINK wire_net CORPUS http1_corpus)

harrow_test(multipart_test SOURCES multipart_test.c LINK wire_net)
harrow_fuzz(multipart_fuzz SOURCES multipart_fuzz.c LINK wire_net CORPUS multipart_corpus MAX_LEN 2000)

harrow_test(hpack_test SOURCES hpack_test.c LINK wire_net failing)
harrow_test(grpc_test SOURCES grpc_test.c grpc_kit.c LINK wire_net)
harrow_test(grpc_syntax_test SOURCES grpc_syntax_test.c LINK wire_net)
harrow_test(grpc_wire_test SOURCES grpc_wire_test.c grpc_kit.c LINK wire_net)
harrow_test(grpc_failing_test SOURCES grpc_failing_test.c grpc_kit.c LINK wire_net failing)
harrow_test(tls_test SOURCES tls_test.c tls_kit.c grpc_kit.c LINK wire_net failing)
harrow_fuzz(hpack_fuzz SOURCES hpack_fuzz.c LINK wire_net CORPUS hpack_corpus MAX_LEN 4000)
harrow_fuzz(grpc_server_fuzz SOURCES grpc_server_fuzz.c grpc_kit.c LINK wire_net CORPUS grpc_corpus/server)
harrow_fuzz(grpc_client_fuzz SOURCES grpc_client_fuzz.c grpc_kit.c LINK wire_net CORPUS grpc_corpus/client RUNS 6000)
harrow_fuzz(grpc_pair_fuzz SOURCES grpc_pair_fuzz.c grpc_kit.c LINK wire_net CORPUS grpc_corpus/pair RUNS 4000)
harrow_fuzz(tls_fuzz SOURCES tls_fuzz.c tls_kit.c LINK wire_net CORPUS tls_corpus RUNS 8000)

harrow_test(websocket_frames_test SOURCES websocket_frames_test.c LINK wire_net failing)
harrow_fuzz(websocket_fuzz SOURCES websocket_fuzz.c LINK wire_net CORPUS websocket_corpus MAX_LEN 4000)
