/* Pact files: what a consumer asks of a provider and what it needs to be answered, by example and matching rule.
 *
 * Formats: the Pact specification, versions 1 to 4 (github.com/pact-foundation/pact-specification). All are read into
 * the one model below, which is version 4's; version 4 is written. What an older version says in another way (v2's flat
 * matching rules, v3's messages) is translated when it is read; what no rule here knows is an error with its place, and
 * never ignored.
 *
 * A pact owns all that hangs on it; strings live in its arena, JSON values are jansson's and counted by it. */
#ifndef FAKES_PACT_PACT_H
#define FAKES_PACT_PACT_H

#include "base/arena.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

#include <jansson.h>

enum pact_kind {
    PACT_HTTP,    /* "Synchronous/HTTP" */
    PACT_MESSAGE, /* "Synchronous/Messages": gRPC is told by pluginConfiguration.protobuf and transport "grpc" */
    PACT_EVENT,   /* "Asynchronous/Messages" */
};

enum pact_category {
    PACT_PATH,
    PACT_METHOD,
    PACT_QUERY,
    PACT_HEADER,
    PACT_BODY,
    PACT_STATUS,
    PACT_METADATA,
    PACT_CATEGORIES,
};

enum pact_matcher_kind {
    PACT_EQUALITY,
    PACT_REGEX,
    PACT_TYPE, /* with min, max: lengths of lists and maps */
    PACT_INCLUDE,
    PACT_NUMBER,
    PACT_INTEGER,
    PACT_DECIMAL,
    PACT_BOOLEAN,
    PACT_NULL,
    PACT_DATE,
    PACT_TIME,
    PACT_DATETIME,
    PACT_CONTENT_TYPE,
    PACT_VALUES,
    PACT_ARRAY_CONTAINS,
    PACT_STATUS_CODE,
    PACT_NOT_EMPTY,
    PACT_SEMVER,
    PACT_EACH_KEY,
    PACT_EACH_VALUE,
    PACT_MATCHER_KINDS,
};

struct pact_rules;

struct pact_matcher {
    enum pact_matcher_kind kind;
    const char *text;  /* regex, format, substring, content type, status class */
    int64_t min, max;  /* of PACT_TYPE; -1: not told */
    json_t *value;     /* PACT_EQUALITY: what to equal, when it is not the example's; PACT_STATUS_CODE: a list of
                          codes; PACT_EACH_KEY, PACT_EACH_VALUE: their example, only kept; or NULL */
    json_t *generator; /* PACT_EACH_KEY, PACT_EACH_VALUE: only kept; or NULL */
    const struct pact_variant *variants; /* PACT_ARRAY_CONTAINS */
    size_t variant_count;
    const struct pact_matcher *inner; /* PACT_EACH_KEY, PACT_EACH_VALUE */
    size_t inner_count;
};

struct pact_rule {
    enum pact_category category;
    const char *path; /* "$.a[*].b" in a body; a name in headers, query and metadata; "" for path, method and status */
    bool any;         /* one of them must hold (OR); else all */
    const struct pact_matcher *matchers;
    size_t count;
    int line, column; /* where its path stands in its file; 0: nowhere */
};
struct pact_rules {
    ARRAY(struct pact_rule) items;
};

struct pact_generator {
    enum pact_category category;
    const char *path, *type; /* "RandomInt", "Uuid", "ProviderState", ... */
    json_t *options;         /* all but the type, or NULL */
    int line, column;        /* as of a rule */
};
struct pact_generators { /* an ARRAY with a name */
    struct pact_generator *items;
    size_t count, capacity;
};

/* One of what a list must contain: the rules' paths begin at the item, "$.id". None at all: equal to the example. */
struct pact_variant {
    size_t index; /* of the example's list */
    struct pact_rules rules;
    struct pact_generators generators;
};

enum pact_presence { PACT_MISSING, PACT_NULL_BODY, PACT_EMPTY, PACT_THERE };

/* A body: of a request, an answer, or a message. When both sides have `json`, that is what is matched, whatever the
 * content type says. */
struct pact_content {
    enum pact_presence presence;
    const char *type;   /* content type, or NULL */
    const char *hint;   /* "BINARY", "TEXT", or NULL: version 4's contentTypeHint, only kept */
    json_t *json;       /* when it is JSON, or a message that was decoded; else NULL and the bytes hold */
    struct bytes bytes; /* what is not JSON; of a decoded message what it was decoded from */
    bool decoded;       /* `json` is a message that was decoded */
    bool plain;         /* and is decoded so that a Timestamp is {seconds, nanos}, as any other message */
};

struct pact_header {
    const char
        *name; /* of metadata and headers; of a query the parameter. With several values it comes several times */
    const char *value;
};

struct pact_headers { /* an ARRAY with a name */
    struct pact_header *items;
    size_t count, capacity;
};

/* A request, an answer or a message. */
struct pact_part {
    const char *method, *path; /* HTTP requests */
    int status;                /* HTTP answers; 0: not told */
    struct pact_headers query;
    struct pact_headers headers; /* of messages: metadata that is text */
    json_t *metadata;            /* of messages: all of it; or NULL */
    struct pact_content content;
    struct pact_rules rules;
    struct pact_generators generators;
    json_t *extra; /* members that no version knows, kept; or NULL */
};

struct pact_state {
    const char *name;
    json_t *parameters; /* an object, or NULL */
};

struct pact_interaction {
    enum pact_kind kind;
    const char *description, *key, *transport;
    bool pending;
    int line, column; /* where it stands in its file; 0: nowhere */
    ARRAY(struct pact_state) states;
    struct pact_part request;
    ARRAY(struct pact_part) responses; /* one of HTTP; of messages any number; of an event the message itself */
    json_t *comments, *plugin;         /* as they are, or NULL */
    json_t *extra;                     /* other members (references, interactionMarkup, ...), kept; or NULL */
};

struct pact {
    struct arena arena;
    const char *file; /* what messages call it */
    const char *consumer, *provider;
    int version;              /* of the specification, as it was read: 1, 2, 3, 4 */
    json_t *metadata, *extra; /* as they are, or NULL */
    ARRAY(struct pact_interaction) interactions;
};

int pact_parse(struct bytes text, const char *name, struct pact **out, struct error *err);
int pact_new(const char *consumer, const char *provider, struct pact **out);
void pact_free(struct pact *p); /* NULL is fine */
/* Strings are copied into the pact's arena by who fills it in. NULL: no memory. */
struct pact_interaction *pact_add(struct pact *p, enum pact_kind kind, const char *description);
/* Version 4, keys in a fixed order, interactions by description and states, so that equal pacts are equal bytes. */
int pact_write(const struct pact *p, struct text *out);
/* Puts `from` into `into`: equal interactions are one; a contradiction (same description and states, other content) is
 * ERROR_EXISTS and says which. */
int pact_merge(struct pact *into, const struct pact *from, struct error *err);

struct pact_mismatch {
    enum pact_category category;
    const char *path;     /* "$.note.title", "content-type", "" */
    const char *expected; /* with its type and rule, for readers: "an integer (matcher integer), like 7" */
    const char *actual;
    const char *text; /* the whole in one line */
    const char *help; /* what to do, in one line */
    int line, column; /* of the rule that was not held; 0: no rule, or from nowhere */
};
struct pact_result {
    struct arena arena;
    ARRAY(struct pact_mismatch) mismatches;
};
void pact_result_init(struct pact_result *r);
void pact_result_deinit(struct pact_result *r);
/* What came against what was expected. A request may have nothing more than is expected, an answer or message may.
 * 0 also when there are mismatches; negative: no memory, or a rule that cannot be applied (err says which and where).
 */
int pact_match_request(const struct pact_part *expected, const struct pact_part *actual, struct pact_result *out,
                       struct error *err);
int pact_match_response(const struct pact_part *expected, const struct pact_part *actual, struct pact_result *out,
                        struct error *err);
/* The part with its generators applied, as it is to be sent: random ones from `random`, dates from `now` (ns since the
 * Unix epoch), provider states' from `values` (an object, or NULL), `base` for MockServerURL. The copy lives in
 * `arena`, without rules and generators; its JSON is new (json_decref by pact_part_deinit). Where nothing gives a value
 * (a provider state's that is not in `values`, no `base`) the example stays. */
struct pact_generating {
    struct random *random;
    uint64_t now;
    json_t *values;
    const char *base;
};
int pact_generate(const struct pact_part *part, const struct pact_generating *with, struct arena *arena,
                  struct pact_part *out, struct error *err);
void pact_part_deinit(struct pact_part *part);

/* Protobuf messages are matched as JSON with the names of the .proto file, so that rules on "$.field.sub[0]" hold;
 * 64-bit integers are numbers where JSON's 64 bits suffice, map keys are text, enum values are names.
 *
 * Decodes `c->bytes` (none: the empty message) into `c->json`. `defaults`: fields without presence are there even when
 * they hold their default, which no wire tells apart. So of a request both sides are decoded with defaults, for it may
 * have nothing more than is expected; of a response only what came. `c->plain` is the caller's. */
struct pb_type;
int pact_content_decode(struct pact_content *c, const struct pb_type *type, bool defaults, struct error *err);
/* The other way, appended: `c->json` (after pact_generate) to wire bytes. */
int pact_content_encode(const struct pact_content *c, const struct pb_type *type, struct text *wire, struct error *err);

#endif
