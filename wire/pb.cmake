# Messages: descriptors at run time, the scan before every unpack, proto3 JSON.
set(descriptor_dir ${CMAKE_CURRENT_BINARY_DIR}/descriptor)
file(MAKE_DIRECTORY ${descriptor_dir})
# Compiled C for descriptor.proto is in no package; its source comes with libprotobuf-dev.
find_path(PROTOBUF_PROTO_DIR google/protobuf/descriptor.proto REQUIRED)
add_custom_command(
  OUTPUT ${descriptor_dir}/google/protobuf/descriptor.pb-c.c ${descriptor_dir}/google/protobuf/descriptor.pb-c.h
  COMMAND ${PROTOC} --c_out=${descriptor_dir} -I ${PROTOBUF_PROTO_DIR} google/protobuf/descriptor.proto
  DEPENDS ${PROTOBUF_PROTO_DIR}/google/protobuf/descriptor.proto VERBATIM)
add_library(wire_descriptor STATIC ${descriptor_dir}/google/protobuf/descriptor.pb-c.c)
target_link_libraries(wire_descriptor PUBLIC PkgConfig::PROTOBUF_C PRIVATE harrow_hardening)
target_include_directories(wire_descriptor SYSTEM PUBLIC ${descriptor_dir})

harrow_library(wire_pb
  SOURCES pb_wire.c pb_refused.c pb_scan.c pb_message.c pb_pieces.c pb_pool.c pb_collect.c pb_features.c pb_resolve.c pb_resolve_type.c pb_layout.c pb_lookup.c pb_known.c pb_number.c
    pb_time.c pb_path.c pb_json_reader.c pb_from_json.c pb_from_json_scalar.c pb_from_json_known.c
    pb_to_json.c pb_to_json_list.c pb_to_json_scalar.c pb_to_json_known.c
  LINK base PkgConfig::PROTOBUF_C PkgConfig::JANSSON
  PRIVATE wire_descriptor)
# The header is generated: whoever includes it waits for it.
add_dependencies(wire_pb wire_descriptor)

if(HARROW_TESTS OR HARROW_FUZZ OR HARROW_AFL)
  # The test protos as a descriptor set, embedded; shared.proto as generated code too (the others use `optional`, which
  # protoc-c refuses).
  set(testdata ${CMAKE_CURRENT_SOURCE_DIR}/testdata)
  set(testdata_out ${CMAKE_CURRENT_BINARY_DIR}/testdata)
  file(MAKE_DIRECTORY ${testdata_out})
  add_custom_command(OUTPUT ${testdata_out}/set.pb
    COMMAND ${PROTOC} --descriptor_set_out=${testdata_out}/set.pb --include_imports -I ${testdata}
      -I ${PROTOBUF_PROTO_DIR} ${testdata}/all.proto
    DEPENDS ${testdata}/all.proto ${testdata}/shared.proto VERBATIM)
  add_custom_command(OUTPUT ${testdata_out}/shared.pb-c.c ${testdata_out}/shared.pb-c.h
    COMMAND ${PROTOC} --c_out=${testdata_out} -I ${testdata} ${testdata}/shared.proto
    DEPENDS ${testdata}/shared.proto VERBATIM)
  set_source_files_properties(testdata/set.c PROPERTIES OBJECT_DEPENDS ${testdata_out}/set.pb
    COMPILE_DEFINITIONS TEST_SET_FILE="${testdata_out}/set.pb")
  add_library(wire_testdata STATIC testdata/set.c ${testdata_out}/shared.pb-c.c)
  target_link_libraries(wire_testdata PUBLIC wire_pb wire_descriptor PRIVATE harrow_hardening)
  target_include_directories(wire_testdata SYSTEM PUBLIC ${testdata_out})
endif()

foreach(unit number text_forms scan pieces pool json)
  harrow_test(pb_${unit}_test SOURCES pb_${unit}_test.c LINK wire_testdata)
endforeach()
harrow_test(pb_failing_test SOURCES pb_failing_test.c LINK wire_testdata failing)

foreach(unit pool scan json)
  harrow_fuzz(pb_${unit}_fuzz SOURCES pb_${unit}_fuzz.c LINK wire_testdata CORPUS corpus/pb_${unit} MAX_LEN 4096)
endforeach()

if(HARROW_TESTS)
  # Random messages through Google's implementation and through ours.
  harrow_program(pb_transcode SOURCES pb_transcode.c LINK wire_testdata)
  find_program(SYSTEM_PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH)
  if(SYSTEM_PYTHON3)
    add_test(NAME pb_google_test
      COMMAND ${SYSTEM_PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/pb_google_test.py $<TARGET_FILE:pb_transcode>
        ${testdata_out}/set.pb --seed 1 --messages 600)
    set_tests_properties(pb_google_test PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
  else()
    message(STATUS "no /usr/bin/python3: the cross-check of protobuf against Google's implementation is left out")
  endif()
endif()
