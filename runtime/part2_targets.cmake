# The program `micro`, and the tests of the second half of the runtime.
target_link_libraries(runtime PUBLIC rpc_http)

harrow_program(micro SOURCES cli/main.c LINK runtime)

harrow_test(api_path_test SOURCES api/path_test.c LINK runtime)
harrow_test(api_request_test SOURCES api/request_test.c LINK runtime)
harrow_test(auth_secret_test SOURCES auth/secret_test.c LINK runtime)
harrow_fuzz(api_path_fuzz SOURCES api/path_fuzz.c LINK runtime CORPUS api/path_corpus MAX_LEN 600)
harrow_fuzz(api_request_fuzz SOURCES api/request_fuzz.c LINK runtime CORPUS api/request_corpus MAX_LEN 2000)

if(HARROW_TESTS)
  # Micro in the simulated world, as the tests drive it.
  harrow_library(sim_system SOURCES server/sim_system.c LINK runtime PkgConfig::CMOCKA)
endif()
harrow_test(auth_test SOURCES auth/auth_test.c LINK runtime sim_system TIMEOUT 120)
harrow_test(api_test SOURCES api/api_test.c LINK runtime sim_system TIMEOUT 120)
harrow_test(cli_test SOURCES cli/cli_test.c LINK runtime)
harrow_test(server_test SOURCES server/server_test.c LINK runtime TIMEOUT 120)
if(TARGET server_test)
  target_compile_definitions(server_test PRIVATE MICRO_PROGRAM="$<TARGET_FILE:micro>")
  add_dependencies(server_test micro)
endif()
