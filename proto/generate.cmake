# One contract to protobuf-c code: cmake -DPROTOC=... -DOUT=folder -DROOT=folder -DFILE=x/x.proto -P generate.cmake
#
# Two things in the generated header are put right afterwards. A member of the service table is named after its method,
# and a method called Register or Void gives a keyword of C; nothing here uses those tables, so it simply gets an
# underscore. And the initialisers cast the constness of the empty string away where the compiler sees it, in code that
# is compiled with -Wcast-qual; they now do it by way of an integer.
#
# The generator refuses proto3 `optional`: it gets a copy without the word, which is the same on the wire. In C an absent
# field of such a contract is then one that has its default.
file(READ ${ROOT}/${FILE} contract)
string(REGEX REPLACE "(\n *)optional " "\\1" plain "${contract}")
set(roots -I ${ROOT})
if(NOT plain STREQUAL contract)
  file(WRITE ${OUT}/plain/${FILE} "${plain}")
  set(roots -I ${OUT}/plain -I ${ROOT})
endif()
execute_process(COMMAND ${PROTOC} --c_out=${OUT} ${roots} ${FILE} WORKING_DIRECTORY ${ROOT} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "protoc failed on ${FILE}")
endif()
string(REGEX REPLACE "\\.proto$" ".pb-c.h" header ${OUT}/${FILE})
file(READ ${header} before)
string(REGEX REPLACE "\\(\\*(register|void)\\)\\(" "(*\\1_)(" text "${before}")
string(REPLACE "(char *)protobuf_c_empty_string" "(char *)(uintptr_t)protobuf_c_empty_string" text "${text}")
if(NOT text STREQUAL before)
  file(WRITE ${header} "${text}")
endif()
