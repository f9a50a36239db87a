# cmake --install: the programs, and what services in C are built with (headers, static libraries, contracts, micro.pc).
# The tree a build happens in gets a micro.pc of its own, so that `micro sdk` works from there as well.
#
#   bin/micro, bin/harrow
#   include/micro/...            headers, included as "runtime/service/program.h"
#   lib/.../micro/lib*.a         the runtime, doubles for tests, and everything beneath them
#   lib/.../pkgconfig/micro.pc   relocatable: it finds the rest from where it lies
#   share/micro/proto            the contracts
include(GNUInstallDirs)

# Libraries `runtime` and doubles stand on: ours into micro_archives, pkg-config modules into micro_modules, others into micro_others.
set(micro_archives)
set(micro_modules)
set(micro_others)
set(module_NGHTTP2 libnghttp2)
set(module_UV libuv)
set(module_PROTOBUF_C libprotobuf-c)
set(module_JANSSON jansson)
set(module_CURL libcurl)
set(module_FYAML libfyaml)
set(module_SQLITE sqlite3)
set(module_OPENSSL openssl)
set(module_ZLIB zlib)
set(module_ARCHIVE libarchive)
set(pending runtime fakes)
set(seen)
while(pending)
  list(POP_FRONT pending library)
  string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" library "${library}")
  # A target linked in another folder is written with where it was: ::@(0x...).
  if(library MATCHES "^::@" OR library IN_LIST seen OR library MATCHES "^harrow_")
    continue()
  endif()
  list(APPEND seen ${library})
  if(library MATCHES "^PkgConfig::(.*)$")
    if(NOT DEFINED module_${CMAKE_MATCH_1})
      message(FATAL_ERROR "cmake/Install.cmake does not know the pkg-config module of ${library}")
    endif()
    list(APPEND micro_modules ${module_${CMAKE_MATCH_1}})
  elseif(TARGET ${library})
    get_target_property(type ${library} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND micro_archives ${library})
    endif()
    get_target_property(more ${library} INTERFACE_LINK_LIBRARIES)
    if(more)
      list(APPEND pending ${more})
    endif()
  elseif(library MATCHES "^/.*/lib([^/]*)\\.(so|a)$")
    list(APPEND micro_others -l${CMAKE_MATCH_1})
  elseif(library MATCHES "^-")
    list(APPEND micro_others ${library})
  else()
    list(APPEND micro_others -l${library})
  endif()
endwhile()
add_dependencies(micro ${micro_archives}) # `micro sdk` names them all
list(REMOVE_DUPLICATES micro_modules)
list(JOIN micro_modules " " modules)
list(JOIN micro_others " " others)

# Libraries under a sanitizer want programs under the same one, from the same compiler.
set(extra_cflags "")
set(cc cc)
if(HARROW_SANITIZE STREQUAL "address")
  set(extra_cflags "-fsanitize=address,undefined")
elseif(HARROW_SANITIZE STREQUAL "thread")
  set(extra_cflags "-fsanitize=thread")
endif()
if(extra_cflags OR HARROW_FUZZ)
  set(cc ${CMAKE_C_COMPILER})
endif()

set(built_files)
set(installed_files)
foreach(archive ${micro_archives})
  list(APPEND built_files "$<TARGET_FILE:${archive}>")
  list(APPEND installed_files "\${libdir}/micro/$<TARGET_FILE_NAME:${archive}>")
endforeach()
# What the compiler's callbacks call, for programs built beside the tree as for its own.
if(HARROW_COVER OR HARROW_COMPARES)
  list(APPEND built_files "$<JOIN:$<TARGET_OBJECTS:cover_hooks>, >")
endif()
if(HARROW_FUZZ AND HARROW_SANITIZE STREQUAL "")
  list(APPEND built_files "$<JOIN:$<TARGET_OBJECTS:unused_hooks>, >")
endif()
list(JOIN built_files " " built_files)
list(JOIN installed_files " " installed_files)
set(description "Name: micro
Description: the Micro runtime: services in C
Version: ${PROJECT_VERSION}
Requires: ${modules}
")
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/micro.pc CONTENT "cc=${cc}
protos=${CMAKE_SOURCE_DIR}/proto

${description}Cflags: -D_GNU_SOURCE -I${CMAKE_SOURCE_DIR} -I${CMAKE_BINARY_DIR} -I${CMAKE_BINARY_DIR}/proto ${extra_cflags}
Libs: -Wl,--start-group ${built_files} -Wl,--end-group ${others} -lm ${extra_cflags}
")

# How far up the prefix is from the folder of micro.pc.
string(REGEX REPLACE "[^/]+" ".." up "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/installed/micro.pc CONTENT "prefix=\${pcfiledir}/${up}
libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}
includedir=\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}/micro
protos=\${prefix}/${CMAKE_INSTALL_DATADIR}/micro/proto
cc=${cc}

${description}Cflags: -D_GNU_SOURCE -I\${includedir} -I\${includedir}/proto ${extra_cflags}
Libs: -Wl,--start-group ${installed_files} -Wl,--end-group ${others} -lm ${extra_cflags}
")

install(TARGETS micro harrow doubles protoc-gen-harrow backend_main RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${micro_archives} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/micro)
install(FILES ${CMAKE_BINARY_DIR}/installed/micro.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(room base world wire rpc runtime proto fakes)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/micro
    FILES_MATCHING PATTERN "*.h" PATTERN "*_corpus" EXCLUDE PATTERN "*_fuzz.h" EXCLUDE)
endforeach()
install(DIRECTORY ${CMAKE_BINARY_DIR}/proto DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/micro
  FILES_MATCHING PATTERN "*.pb-c.h" PATTERN "CMakeFiles" EXCLUDE)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/micro/proto
  FILES_MATCHING PATTERN "*.proto")
