/* Who uses which parts of a schema, as recorded contracts and flows name them: what a breaking change is weighed by.
 *
 *   pacts  of gRPC interactions: the method, fields of requests that are set, fields of answers that are expected.
 *          Their consumer is who.
 *   flows  (docs/flows.md) the method of a `call`, fields of its `request`; of answers those that `expect` and
 *          `capture` name. The flow is who. In contracts (docs/fakes.md) also what the provider under test asks its
 *          doubles: fields of `verify` are sent, fields of replies are read; the provider is who.
 *
 * Names are looked up in the schema: the old one of two, by field name or JSON name. What the schema does not know is
 * passed over. A use of a field is a use of its oneof, of its enum and of the value named, and of its message. What is
 * called over HTTP paths is not followed. */
#ifndef HARROW_CONTRACT_USAGE_H
#define HARROW_CONTRACT_USAGE_H

#include "base/document.h"
#include "fakes/breaking/schema.h"
#include "world/world.h"

enum usage_verb { USAGE_CALLS, USAGE_SENDS, USAGE_READS };
const char *usage_verb_name(enum usage_verb v); /* "calls", "sends", "reads" */

struct usage_entry {
    const char *element; /* full name: "shop.Item.price", "shop.Shop.Buy", "shop.Color.RED", "shop.Item" */
    const char *who, *file;
    const struct schema_file *schema_file; /* that has the element */
    enum usage_verb verb;
    int line, column; /* from 1 */
};

struct usage {
    const struct schema *schema;
    struct arena arena;
    ARRAY(struct usage_entry) entries;
    size_t pacts, flows; /* that were read */
};

/* The schema must outlive it. */
void usage_init(struct usage *u, const struct schema *schema);
void usage_deinit(struct usage *u);

/* `name` is what places call the file. Bad text is an error with its place. */
int usage_add_pact(struct usage *u, struct bytes text, const char *name, struct error *err);
int usage_add_flows(struct usage *u, struct bytes text, const char *name, struct error *err);
/* A file, or every one below a folder: .json files with a consumer; .yaml files. ERROR_NOT_FOUND when there is none, so
 * that nothing is taken for unused because a path was wrong. */
int usage_add_pacts(struct usage *u, struct world *w, const char *path, struct error *err);
int usage_add_flow_files(struct usage *u, struct world *w, const char *path, struct error *err);

/* After the last was added: sorts, and keeps of each who, verb and element the first place. */
void usage_ready(struct usage *u);
/* Uses of an element, of a message also those of its fields; of a file's path those of all in it; of what the schema
 * does not have (a field that is new) those of what it is in. A list the caller frees; NULL with *count 0 when there
 * are none. ERROR_MEMORY is the only failure. */
int usage_of(const struct usage *u, const char *element, const struct usage_entry ***out, size_t *count);

/* ---- between usage.c and usage_read.c ---- */

struct usage_by {
    const char *who, *file;
    enum usage_verb verb;
    int line, column; /* 0: the node's own place */
};
/* "shop.Shop/Buy" was called; NULL: there is no such method. *input, *output: its messages, or NULL. False: no
 * memory. */
bool usage_call(struct usage *u, const char *path, const struct usage_by *by, const struct node *at,
                const struct schema_element **input, const struct schema_element **output);
/* All fields that a message of the node's form names; lists are many messages, $matchers are looked into. */
bool usage_message(struct usage *u, const struct schema_element *message, const struct node *n,
                   const struct usage_by *by);
/* The field that a path like note.tags[0] leads to, and those on the way. */
bool usage_path(struct usage *u, const struct schema_element *message, const char *path, const struct node *n,
                const struct usage_by *by);

#endif
