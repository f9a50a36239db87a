# Stubs in process: one to 500,000 on one method, answered and missed.
harrow_program(stub_bench SOURCES stub_bench.c LINK stubs_testdata)
