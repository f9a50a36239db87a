# Pacts played against a provider on loopback.
harrow_program(verify_bench SOURCES verify_bench.c LINK fakes_provider wire_proto)
