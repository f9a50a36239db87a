/* protoc-gen-harrow, but for its pipes: a CodeGeneratorRequest in, a CodeGeneratorResponse out.
 *
 *   protoc --harrow_out=DIR [--harrow_opt=messages] -I ROOT store/store.proto
 *
 * writes for every service of the files named
 *   store/fakes/fake_store.h, .c            a double (fakes/typed.h), typed with the messages of store/store.pb-c.h
 *   store/fakes/store_descriptors.h, .c     the contract itself, for JSON, reflection and serving
 * and for a file below events/<topic>/ that holds `enum EventType` and `message Event`
 *   events/<topic>/topic.h                  the topic's name
 * With `messages` it also writes store/store.pb-c.h and .c, under the names and with the layout that protoc-c gives
 * them, so that doubles need no protoc-c: proto3 `optional` gets a has_ word, names that C or the layout have taken get
 * an underscore. `imports` does so for the files that are imported as well. `doubles=no` leaves the doubles out.
 *
 * Names of types and descriptors are protoc-c's rules: pieces of the full name in camel case (or in lower or upper case
 * with underscores at the humps), joined by two underscores.
 *
 * What is wrong with the schema or the parameter is the response's `error`, with the file's name in front; only a
 * request that is none, and a lack of memory, are errors of the call itself. The format of both messages:
 * google/protobuf/compiler/plugin.proto. */
#ifndef FAKES_GENERATE_GENERATE_H
#define FAKES_GENERATE_GENERATE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define GENERATE_REQUEST_MAX ((size_t)256 << 20) /* bytes of a request */

int generate(struct bytes request, struct text *response, struct error *err);

#endif
