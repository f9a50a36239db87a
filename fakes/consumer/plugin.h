/* gRPC in pacts, in the form the Pact project's protobuf plugin gives it (github.com/pactflow/pact-protobuf-plugin), so
 * that its verifier reads what is written here, and the other way round:
 *
 *   the pact's metadata     plugins: [{name: protobuf, version, configuration: {KEY: {protoDescriptors: Base64}}}],
 *                           KEY the MD5 of the descriptors, which their verifier checks
 *   an interaction          transport: grpc, pluginConfiguration: {protobuf: {descriptorKey: KEY, service: ".p.S/M"}}
 *   a message's contents    application/protobuf;message=.p.Message, the wire bytes; metadata contentType the same
 *   an answer's metadata    grpc-status (its name) and grpc-message; headers and trailers under their own names
 *
 * What that form has no room for stands in pluginConfiguration.harrow, which others pass over: `requests`, the further
 * messages of a client's stream as Base64; `none`: true when the client sent no message at all; `open`: true when
 * the stream was still open after the replies that are listed.
 *
 * Bodies are matched as the JSON of pact_content_decode(). */
#ifndef FAKES_CONSUMER_PLUGIN_H
#define FAKES_CONSUMER_PLUGIN_H

#include "fakes/pact/pact.h"
#include "wire/pb.h"

#define PLUGIN_MESSAGES_MAX 10000 /* of one side of one call */

/* Puts the contracts of a method where the pact's metadata has them, once. `key` (PLUGIN_KEY_SIZE) is their name. */
#define PLUGIN_KEY_SIZE 33
int plugin_add_descriptors(struct pact *p, const struct pb_method *method, char *key, struct error *err);
/* Brings what `from` says of plugins into `into`. */
int plugin_merge(struct pact *into, const struct pact *from);

/* Whether two interactions have the same of plugins, but for the contracts they were recorded with. ERROR_MEMORY. */
int plugin_same(const struct pact_interaction *a, const struct pact_interaction *b, bool *same);
/* The contracts of `from` are those of `into` from here on: a service's contracts change, and the newest count. */
int plugin_take_key(struct pact_interaction *into, const struct pact_interaction *from);
/* Contracts that no interaction names any more. */
void plugin_drop_unused(struct pact *p);

/* A gRPC interaction as its plugin configuration says it. */
bool plugin_is_grpc(const struct pact_interaction *i);
/* "store.Store/Read", without the leading dot; NULL: it names none. */
const char *plugin_service(const struct pact_interaction *i);
/* The pact's own contracts for an interaction, new; ERROR_NOT_FOUND: it has none. */
int plugin_pool(const struct pact *p, const struct pact_interaction *i, struct pb_pool **out, struct error *err);
const char *plugin_key(const struct pact_interaction *i); /* NULL: none */
/* "p.S/M", or "S/M" as the plugin once wrote it: then the only service of that last name. NULL: there is none, or there
 * are several. */
const struct pb_method *plugin_method(const struct pb_pool *pool, const char *service);
/* All messages a client sends, wire bytes; the caller's: text_deinit() each, array_deinit(). */
struct plugin_messages {
    ARRAY(struct text) items;
};
int plugin_requests(const struct pact_interaction *i, struct plugin_messages *out, struct error *err);
void plugin_messages_deinit(struct plugin_messages *m);
bool plugin_open(const struct pact_interaction *i);

/* Whether rules of the part look into what protobuf's JSON mapping has as one value, `$.created.seconds`: then messages
 * are decoded plain (struct pact_content). The Pact project's plugin knows no other form. */
bool plugin_plain(const struct pb_type *type, const struct pact_part *part);
/* What is expected: fields that are set, and those of the body's rules that are not, with their default. Plain or not
 * as the rules want it. */
int plugin_expected(const struct pb_type *type, struct bytes wire, const struct pact_part *part, json_t **out,
                    struct error *err);
/* The fields a tree has, as "p.Message.field", put into `out` (an object: a set). False: no memory. */
bool plugin_fields(const struct pb_type *type, const json_t *tree, json_t *out);

#endif
