# How every room of the house is built: one set of flags, and its verbs.
#
#   harrow_library(NAME  SOURCES a.c b.c  LINK other ...)
#   harrow_program(NAME  SOURCES main.c   LINK library ...)
#   harrow_test(NAME     SOURCES x_test.c LINK library ... [TIMEOUT seconds] [COST seconds])
#                        a cmocka program run by ctest. TIMEOUT: on a machine that does nothing else (60); it has thrice
#                        that before it is ended. COST: what a dear one takes there; ctest begins with the dearest
#   harrow_fuzz(NAME     SOURCES x_fuzz.c LINK library ... [CORPUS folder] [RUNS n] [MAX_LEN n])
#                        a libFuzzer target (HARROW_FUZZ), run by ctest over its corpus and on to n runs in all, the same
#                        ones each time (tests/fuzz.py; nights try others); with HARROW_AFL the same source as an AFL++
#                        persistent target, for afl-fuzz to run
#   harrow_campaign(NAME SOURCES x_target.c LINK library ...)
#                        a source that defines `const struct fuzz_target fuzz_target` (fuzz/loop/target.h), as a program
#                        of the engine the build is for: our own loop (HARROW_COVER, and its twin HARROW_COMPARES),
#                        libFuzzer (HARROW_FUZZ) or AFL++ (HARROW_AFL), all over the same corpus files: bin/NAME,
#                        bin/NAME_libfuzzer, bin/NAME_afl; nothing otherwise
#
# HARROW_COVER (clang) builds everything with edge counters and without the callbacks for comparisons that cost
# libFuzzer's builds half their speed. Programs then count their coverage and can share it: fuzz/cover/shared.h.
# HARROW_COMPARES (clang) builds everything with these callbacks as well: campaigns so built are the twin that the fast
# build asks what is compared with what (--compares). With HARROW_SANITIZE and HARROW_COVER they are the twin that runs
# again what is new or odd (--checks).

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(harrow_flags INTERFACE)
target_include_directories(harrow_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(harrow_flags INTERFACE _GNU_SOURCE)
target_compile_options(harrow_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wundef -Wvla -Wformat=2 -Wnull-dereference -Wdouble-promotion -Wcast-qual -Wwrite-strings -Wswitch-enum
  -Wimplicit-fallthrough
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches>)

# Kept apart from the warnings so that generated code gets it too.
add_library(harrow_hardening INTERFACE)
target_compile_options(harrow_hardening INTERFACE
  -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection
  $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection>
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
target_link_options(harrow_hardening INTERFACE -Wl,--as-needed -Wl,-z,relro,-z,now -Wl,--build-id=sha1)
if(HARROW_SANITIZE STREQUAL "address")
  target_compile_options(harrow_hardening INTERFACE -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=undefined)
  target_link_options(harrow_hardening INTERFACE -fsanitize=address,undefined,float-cast-overflow)
elseif(HARROW_SANITIZE STREQUAL "thread")
  target_compile_options(harrow_hardening INTERFACE -fsanitize=thread)
  target_link_options(harrow_hardening INTERFACE -fsanitize=thread)
elseif(CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
  target_compile_options(harrow_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  # Tables of addresses in an eighth of the room, which the loader reads at every start.
  include(CheckLinkerFlag)
  check_linker_flag(C -Wl,-z,pack-relative-relocs HARROW_PACKS_RELOCATIONS)
  if(HARROW_PACKS_RELOCATIONS)
    target_link_options(harrow_hardening INTERFACE -Wl,-z,pack-relative-relocs)
  endif()
endif()
if(HARROW_FUZZ)
  target_compile_options(harrow_hardening INTERFACE -fsanitize=fuzzer-no-link)
endif()
# A target with the property is not counted: what fuzzes should not see itself.
option(HARROW_COVER "Count edges in every program (clang only)" OFF)
if(HARROW_COVER)
  target_compile_options(harrow_hardening INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:HARROW_NO_COVER>>>:-fsanitize-coverage=inline-8bit-counters,pc-table>)
endif()
option(HARROW_COMPARES "Record comparisons in every program (clang only)" OFF)
# trace-cmp alone does nothing: it goes with some way to count edges.
set(HARROW_COMPARE_WRAPS "-Wl,--wrap=memcmp,--wrap=bcmp,--wrap=strcmp,--wrap=strncmp,--wrap=strcasecmp"
  "-Wl,--wrap=strncasecmp,--wrap=strstr,--wrap=memmem")
if(HARROW_COMPARES)
  target_compile_options(harrow_hardening INTERFACE
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:HARROW_NO_COVER>>>:-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp>
    -fno-builtin-memcmp -fno-builtin-bcmp -fno-builtin-strcmp -fno-builtin-strncmp -fno-builtin-strcasecmp
    -fno-builtin-strncasecmp -fno-builtin-strstr)
endif()
target_link_libraries(harrow_flags INTERFACE harrow_hardening)

function(harrow_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE harrow_flags ${arg_PRIVATE})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# What the compiler's callbacks call (fuzz/cover/cover_hooks.c, compare_hooks.c).
function(harrow_count name)
  if(HARROW_COVER OR HARROW_COMPARES)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:cover_hooks>)
  endif()
  if(HARROW_COMPARES)
    harrow_compares(${name})
  endif()
  # Such callbacks come with a sanitizer's runtime or with libFuzzer's: without either they come from us.
  if(HARROW_FUZZ AND HARROW_SANITIZE STREQUAL "")
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:unused_hooks>)
  endif()
endfunction()

function(harrow_compares name)
  target_sources(${name} PRIVATE $<TARGET_OBJECTS:compare_hooks>)
  target_link_options(${name} PRIVATE ${HARROW_COMPARE_WRAPS})
endfunction()

function(harrow_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE harrow_flags ${arg_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin HARROW_ARCHIVES ON)
  harrow_count(${name})
endfunction()

function(harrow_test name)
  if(NOT HARROW_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;COST" "SOURCES;LINK;ARGS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE harrow_flags ${arg_LINK} PkgConfig::CMOCKA late_rest)
  harrow_count(${name})
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
  # Programs that tests run speak English, and do not complain of a locale that is not installed.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} ENVIRONMENT LC_ALL=C)
  if(arg_COST)
    set_tests_properties(${name} PROPERTIES COST ${arg_COST})
  endif()
endfunction()

function(harrow_fuzz name)
  if(NOT HARROW_FUZZ AND NOT HARROW_AFL)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS;RUNS;MAX_LEN" "SOURCES;LINK")
  if(NOT arg_RUNS)
    set(arg_RUNS 20000) # a second or two
  endif()
  if(NOT arg_MAX_LEN)
    set(arg_MAX_LEN 4096)
  endif()
  add_executable(${name} ${arg_SOURCES} ${CMAKE_SOURCE_DIR}/base/fuzz_leaks.c)
  target_link_libraries(${name} PRIVATE harrow_flags ${arg_LINK} late_rest)
  # Under afl-clang-fast the same option brings AFL++'s persistent driver instead of libFuzzer's.
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  if(HARROW_AFL)
    return()
  endif()
  if(arg_CORPUS)
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/${arg_CORPUS})
  endif()
  add_test(NAME ${name}
    COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz.py $<TARGET_FILE:${name}> -seed=1 -runs=${arg_RUNS} -max_total_time=90
      -timeout=30 -rss_limit_mb=2048 -max_len=${arg_MAX_LEN} ${corpus}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 180 LABELS fuzz)
endfunction()

function(harrow_campaign name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  set(loop ${CMAKE_SOURCE_DIR}/fuzz/loop)
  if(HARROW_FUZZ)
    set(name ${name}_libfuzzer)
    add_executable(${name} ${arg_SOURCES} ${loop}/libfuzzer.c)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(HARROW_AFL)
    set(name ${name}_afl)
    add_executable(${name} ${arg_SOURCES} ${loop}/afl_main.c)
  elseif(HARROW_COVER OR HARROW_COMPARES)
    add_executable(${name} ${arg_SOURCES} ${loop}/campaign_main.c)
    harrow_count(${name})
  else()
    return()
  endif()
  target_link_libraries(${name} PRIVATE fuzz ${arg_LINK} harrow_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
