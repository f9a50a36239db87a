/* The plan of a service: what was recognised from its descriptors, and what an annotation said to it.
 *
 * Built in passes (plan.c): methods get their verb and noun (plan_method.c); the messages that are entities are found,
 * and each method gets the entity it is about (plan_entity.c; codes and tokens: plan_codes.c); entities get their keys,
 * parents and what else names say of their fields (plan_key.c); requests are mapped onto entities and replies onto what
 * they are made of (plan_map.c); roles follow (plan_method.c), and at last what depends on the whole: a list of what
 * nobody creates has examples, what is sent and nobody can read is not kept. Everything lives in the plan's arena, but
 * the lists that grow. A plan is never changed once it is made: any thread reads it. */
#ifndef FAKES_BEHAVE_PLAN_H
#define FAKES_BEHAVE_PLAN_H

#include "base/arena.h"
#include "base/array.h"
#include "fakes/behave/behave.h"
#include "fakes/behave/words.h"

#define PLAN_KEYS_MAX     4  /* fields of one key */
#define PLAN_ENTITIES_MAX 64 /* a service */
#define PLAN_NONE         SIZE_MAX
#define PLAN_ASIDE        UINT32_C(500000000) /* numbers of attributes that are no fields of the entity's message */

enum plan_role {
    ROLE_VALUES, /* nothing recognised: values from the seed */
    ROLE_CREATE,
    ROLE_SAVE,
    ROLE_READ,
    ROLE_UPDATE,
    ROLE_DELETE, /* by key: that one; else all that match */
    ROLE_LIST,
    ROLE_COUNT,
    ROLE_EXISTS,
    ROLE_STATE,
    ROLE_JOIN,
    ROLE_LEAVE,
    ROLE_LOGIN,
    ROLE_ISSUE,
    ROLE_VERIFY,
    ROLE_REFRESH,
    ROLE_CREDIT,
    ROLE_DEBIT,
    ROLE_TRANSFER,
    ROLE_SUBSCRIBE,
    ROLE_RELAY,
    ROLE_ROLES
};
const char *plan_role_name(enum plan_role role);
bool plan_role_parse(const char *name, enum plan_role *out);

enum attribute_use {
    USE_PLAIN,
    USE_CREATED,
    USE_UPDATED,
    USE_EXPIRES,
    USE_TOKEN,   /* made from the seed, verified later: a code, a token */
    USE_REFRESH, /* the token that gets another */
};

/* A named value of an entity: a field of its message, or kept aside. */
struct attribute {
    const char *name;
    const struct pb_field *field; /* whose kind it has; of the entity's message unless `aside` */
    uint32_t number;              /* in the kept bytes */
    bool aside;
    enum attribute_use use;
};

/* What failed; each has a status, which an annotation may change. */
enum plan_failure {
    FAILURE_MISSING,     /* NOT_FOUND */
    FAILURE_EXISTS,      /* ALREADY_EXISTS */
    FAILURE_REQUIRED,    /* INVALID_ARGUMENT */
    FAILURE_UNIQUE,      /* ALREADY_EXISTS */
    FAILURE_PARENT,      /* NOT_FOUND: what it belongs to is not there */
    FAILURE_CREDENTIALS, /* UNAUTHENTICATED */
    FAILURE_CODE,        /* UNAUTHENTICATED */
    FAILURE_STATE,       /* FAILED_PRECONDITION: the move is not allowed from here */
    FAILURE_FUNDS,       /* FAILED_PRECONDITION: below zero */
    FAILURE_MEMBER,      /* PERMISSION_DENIED */
    FAILURE_KINDS
};
struct plan_status {
    int status;          /* enum grpc_status */
    const char *message; /* or NULL: the usual words */
};

struct plan_default {
    size_t attribute;
    struct bytes wire; /* the value as bytes of a field with the attribute's number */
};

struct plan_copy {
    size_t to, from;
};

/* A change of one message in a list of messages: the one whose `by` is the request's. */
enum plan_change { CHANGE_NONE, CHANGE_ADD, CHANGE_SET, CHANGE_REMOVE, CHANGE_CLEAR };
struct plan_part {
    enum plan_change change;
    size_t list;                               /* attribute */
    const struct pb_field *by, *sum;           /* of the messages */
    const struct pb_field *by_from, *sum_from; /* of the request */
};

struct plan_move { /* of a state machine */
    const char *method;
    const char **from; /* NULL-terminated; empty: from anywhere */
    const char *to;    /* or NULL: only allowed there */
};

struct plan_entity {
    const char *name;           /* "note" */
    const char *alias;          /* what the service calls it, in "user_id" of an account; or NULL */
    const struct pb_type *type; /* or NULL: everything is aside */
    ARRAY(struct attribute) attributes;
    size_t keys[PLAN_KEYS_MAX], key_count;
    size_t parent, parent_attribute; /* entity and attribute, or PLAN_NONE */
    bool parent_needed;              /* a child of nobody is refused */
    bool made, kept, seeded;         /* something creates it; something looks at it; examples to begin with */
    bool codes;                      /* one-time and session codes and tokens */
    bool key_made;                   /* the key is made when the request has none */
    size_t balance;                  /* attribute that is added to, or PLAN_NONE */
    size_t entries;                  /* entity that logs each change of the balance, or PLAN_NONE */
    size_t members;                  /* repeated attribute people join, or PLAN_NONE */
    size_t password;                 /* attribute, or PLAN_NONE */
    size_t subject;                  /* of a token: the attribute that says whose account's it is, or PLAN_NONE */
    size_t state;                    /* attribute of the annotated state machine, or PLAN_NONE */
    const char *first_state;
    struct plan_move *moves;
    size_t move_count;
    size_t *unique;
    size_t unique_count;
    struct plan_default *defaults;
    size_t default_count;
    uint64_t lifetime; /* ns; 0: for ever, or as the role says */
    bool negative;     /* a balance may fall below zero */
    int score;
    const char *why;
};

enum input_use {
    INPUT_IGNORED,
    INPUT_ATTRIBUTE, /* the attribute's value: what it becomes, or what it must be */
    INPUT_BODY,      /* a message of the entity's type */
    INPUT_BODIES,
    INPUT_KEYS,     /* a list of keys */
    INPUT_CONTAINS, /* one of the attribute's values */
    INPUT_OLD,      /* what the attribute must be now */
    INPUT_NEW,      /* what it becomes */
    INPUT_CONFIRM,  /* the same as the INPUT_NEW of the same attribute */
    INPUT_LIMIT,
    INPUT_OFFSET,
    INPUT_PAGE,
    INPUT_CURSOR,
    INPUT_ORDER,    /* "asc", "desc" or "name desc" */
    INPUT_ORDER_BY, /* an attribute's name */
    INPUT_QUERY,    /* text to look for */
    INPUT_PREFIX,   /* text the key begins with; a flag: the key given is a prefix */
    INPUT_SUFFIX,
    INPUT_AFTER, /* of a time or number: not below, not above */
    INPUT_BEFORE,
    INPUT_AMOUNT,
    INPUT_TO, /* a transfer's other side */
    INPUT_IDEMPOTENCY,
    INPUT_LIFETIME, /* seconds */
    INPUT_SIZE,     /* of a code */
    INPUT_CODE,     /* to be verified */
    INPUT_PASSWORD,
    INPUT_ACCOUNT, /* whose password it is: an attribute of the method's account */
    INPUT_TOPIC,   /* a relay's room */
};
struct plan_input {
    const struct pb_field *outer; /* the message it stands in, or NULL: the request */
    const struct pb_field *field;
    enum input_use use;
    size_t attribute; /* of the method's entity (INPUT_CODE: of its code's), or PLAN_NONE */
    size_t inner;     /* INPUT_CONTAINS in a list of messages: number of the field in them; else 0 */
};

enum output_use {
    OUTPUT_VALUE, /* from the seed */
    OUTPUT_ENTITY,
    OUTPUT_ENTITIES,
    OUTPUT_ENTITY_MAP,
    OUTPUT_ATTRIBUTE,
    OUTPUT_VIEW, /* a message of another type, filled with the attributes of the same names */
    OUTPUT_VIEWS,
    OUTPUT_KEYS, /* the attribute's value of each */
    OUTPUT_COUNT,
    OUTPUT_CURSOR,
    OUTPUT_MORE,
    OUTPUT_YES,   /* done, found, valid */
    OUTPUT_TOKEN, /* a message: the token or session that is made */
    OUTPUT_EVENT, /* which change it is */
    OUTPUT_NOW,
    OUTPUT_ECHO,
    OUTPUT_NOTHING,
    OUTPUT_OK, /* "ok" */
};
struct plan_output {
    const struct pb_field *field;
    enum output_use use;
    size_t attribute;
    const struct pb_field *echo;
};

struct plan_method {
    const struct pb_method *method;
    struct name name;
    const struct verb *verb; /* or NULL */
    enum verb_class class;
    char noun[NAME_MAX_BYTES]; /* the rest of the name, or "" */
    enum plan_role role;
    size_t entity;  /* or PLAN_NONE */
    size_t codes;   /* the entity a code of this request is one of, or PLAN_NONE */
    size_t token;   /* the entity of the token that is given, or PLAN_NONE */
    size_t account; /* the entity with the password, or PLAN_NONE */
    size_t state;   /* ROLE_STATE: the attribute it sets, or PLAN_NONE */
    bool clears;    /* ROLE_STATE: sets it back */
    const char *state_name;
    ARRAY(struct plan_input) inputs;
    ARRAY(struct plan_output) outputs;
    /* Annotated: who the request says it is (`member_field`) must be among the members of `member_of`, whose key it
     * says in `member_key`. NULL: anybody. */
    const struct pb_field *member_field, *member_key;
    size_t member_of;
    size_t *
        *required; /* groups of request fields (PLAN_NONE ends one), one of which must be there; NULL ends the list */
    struct plan_part part;    /* annotated */
    bool makes;               /* annotated: a read of what is not there makes it */
    struct plan_copy *copies; /* annotated; what the request leaves out is taken from another attribute */
    size_t copy_count;
    bool once;       /* a code is used up */
    bool missing_ok; /* a delete of what is not there is fine */
    bool annotated;
    int score; /* how sure: 0 to 100 */
    struct plan_status statuses[FAILURE_KINDS];
    struct text why;
};

struct plan {
    const struct pb_service *service;
    struct arena arena;
    struct plan_entity entities[PLAN_ENTITIES_MAX];
    size_t entity_count;
    struct plan_method *methods; /* as the service's */
    enum behave_errors errors;
    size_t fallback; /* the entity of methods whose names say none, or PLAN_NONE */
    bool failed;     /* memory ran out on the way */
};

struct annotation; /* annotation.h; NULL: none */
int behave_plan_init(struct plan *p, const struct pb_service *service, const struct annotation *annotation,
                     enum behave_errors errors, struct error *err);
void behave_plan_deinit(struct plan *p);

/* ---- the passes (private to plan*.c) ---- */
void plan_name_method(struct plan_method *m);
/* The entities that are messages, which methods are about them, and what is left: entities without a message. */
void plan_find_entities(struct plan *p);
void plan_find_codes(struct plan *p);
void plan_assign(struct plan *p);
void plan_find_keys(struct plan *p);
void plan_map_request(struct plan *p, struct plan_method *m);
void plan_map_reply(struct plan *p, struct plan_method *m);
void plan_role(struct plan *p, struct plan_method *m);
bool plan_talks(const struct plan_method *m); /* its name says that people do */
const struct pb_enum_value *plan_enum_value(const struct pb_enum *e, const char *word);
/* "user_id" to "user_ids", to "members" (of messages with an id), "tag" to "tags". `inner`: the field in the messages.
 */
size_t plan_plural_attribute(const struct plan_entity *e, const struct pb_field *f, size_t *inner);
void plan_settle(struct plan *p);

/* ---- questions ---- */
void plan_because(struct plan_method *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct plan_entity *plan_entity_add(struct plan *p, const char *name, const struct pb_type *type);
size_t plan_entity_index(const struct plan *p, const struct plan_entity *e);
size_t plan_entity_of_type(const struct plan *p, const struct pb_type *type);
size_t plan_entity_of_noun(const struct plan *p, const char *noun);
/* By name, in any spelling; PLAN_NONE. */
size_t plan_attribute(const struct plan_entity *e, const char *name);
size_t plan_attribute_add(struct plan *p, struct plan_entity *e, const char *name, const struct pb_field *like);
bool plan_is_key(const struct plan_entity *e, size_t attribute);
/* The one value that tells an entity from others, as "note_id" of another message may name it. */
bool plan_names_key(const struct plan_entity *e, const char *name);
bool field_same_kind(const struct pb_field *a, const struct pb_field *b);
bool field_is_numeric(const struct pb_field *f);
bool field_is_text(const struct pb_field *f);   /* one string */
bool field_is_scalar(const struct pb_field *f); /* one value that can be part of a key */
bool field_is_option(const struct pb_field *f); /* a message that says how: its fields count as the request's own */

#endif
