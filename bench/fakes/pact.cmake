# Interactions matched, read and written in process.
harrow_program(pact_bench SOURCES pact_bench.c LINK pact)
