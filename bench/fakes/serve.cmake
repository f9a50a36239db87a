# Doubles served over the wire, beside a bare C++ gRPC server: `serve_bench`.
harrow_program(serve_bench SOURCES serve_bench.c LINK bench_load)
target_compile_definitions(serve_bench PRIVATE BENCH_DOUBLES="$<TARGET_FILE:doubles>"
  BENCH_CCORE="$<TARGET_FILE:rpc_bench_ccore>")
add_dependencies(serve_bench doubles rpc_bench_ccore)
