/* Conditions on a message: what a stub's `when` demands, and what a verification asks for.
 *
 * An expectation is written as in flows (docs/flows.md): plain values are equal, maps are matched by what they name,
 * lists item by item, and a map of $matchers decides by itself. It is compiled against a type, so that names, kinds,
 * enums and expressions are checked before any call, into a tree of tests on the slots of a plan (shape.h). A value
 * that every match must have is no test but a demand: an index looks it up by its hash. */
#ifndef FAKES_STUB_MATCH_H
#define FAKES_STUB_MATCH_H

#include "fakes/stub/pattern.h"
#include "fakes/stub/shape.h"

#define MATCH_ITEMS_MAX   256  /* of a $unordered or $all list, and of the list it is compared with */
#define MATCH_SLOT_ITEM   (-1) /* in place of a slot: the element under test */
#define MATCH_SLOT_ROOT   (-2) /* the whole message */
#define MATCH_DEMANDS_MAX 200
#define MATCH_MICROSECOND INT64_C(1000) /* ns: times are compared to the microsecond */

enum test_kind {
    TEST_ALL, /* tests.items */
    TEST_ANY,
    TEST_NOT, /* test */
    TEST_EQUAL,
    TEST_RANGE,
    TEST_TIME,    /* a Timestamp or Duration between two, as TEST_RANGE */
    TEST_PATTERN, /* text */
    TEST_PART,
    TEST_GLOB,
    TEST_SIZE,
    TEST_PRESENT,
    TEST_JSON, /* a message whose JSON form is its own */
    TEST_LIST, /* lists: tests.items one by one */
    TEST_SOME, /* an item that passes `test` */
    TEST_EACH,
    TEST_FIRST,
    TEST_SUBSET, /* $all: an item of its own for each of tests.items */
    TEST_SAME,   /* $unordered: the same, and no item more */
    TEST_ENTRY,  /* maps: the value of a key passes `test` */
    TEST_ONLY,   /* messages: no field but the numbered ones is set */
    TEST_MESSAGE /* a message within a list or map: `inside` is tested on a scan of its own */
};

struct test {
    enum test_kind kind;
    int slot;                     /* of the plan; or MATCH_SLOT_... */
    const struct pb_field *field; /* of the value; NULL: the whole message */
    union {
        struct {
            const struct test **items;
            size_t count;
        } tests;
        const struct test *test;
        struct value equal;
        struct {
            struct value min, max;
            bool has_min, has_max;
        } range;
        const struct pattern *pattern;
        const char *text; /* TEST_PART, TEST_GLOB, TEST_JSON */
        struct {
            uint64_t min, max;
        } size;
        bool present;
        struct {
            struct value key;
            const struct test *test;
        } entry;
        struct {
            const uint32_t *numbers;
            size_t count;
            const struct pb_type *type;
        } only;
        struct {
            const struct plan *plan;
            const struct test *test;
        } inside;
    };
};

/* A value that is demanded exactly; with `cut` only the first so many bytes of a text. */
struct demand {
    int slot;
    uint32_t cut;
    struct value value;
};

struct capture { /* $capture: the groups of an expression under a name, for answers */
    const char *name;
    int slot;
    const struct pattern *pattern;
};

/* What is compiled so far of one stub. Arrays are the caller's to free. */
struct matching {
    ARRAY(struct demand) demands;
    ARRAY(const struct test *) tests; /* all must hold */
    ARRAY(struct capture) captures;
    ARRAY(struct pattern *) used; /* to be given back */
};
void matching_deinit(struct matching *m, struct patterns *patterns);

struct match_compiler {
    struct arena *arena; /* of the tests */
    struct plan *plan;
    struct patterns *patterns;
    struct matching *out;
    struct error *err;
    bool loose; /* texts with ${...} stand for values not known yet: they are not checked */
    bool apart; /* inside $not and the like: nothing is demanded */
};

/* The words a matcher may begin with; NULL at the end. */
extern const char *const match_words[];
bool match_is_matcher(const struct node *n);
/* A whole message: adds to `out`. */
int match_compile(struct match_compiler *c, const struct node *expected);
/* One value of a slot that no message has: metadata, the caller, the list of messages. */
int match_compile_slot(struct match_compiler *c, int slot, const struct node *expected);
/* A demand as a test, for who has no index. NULL: no memory. */
const struct test *match_of_demand(struct match_compiler *c, const struct demand *d);
/* What the field `name` of a type is; ERROR_NOT_FOUND at the node's place with a suggestion. */
int match_field(const struct pb_type *type, const char *name, const struct node *at, const struct pb_field **out,
                struct error *err);

/* ---- testing ---- */

struct subject {
    struct scan *scan;
    size_t base;              /* of the message's slots */
    struct bytes message;     /* all of it */
    const struct value *item; /* under test, for MATCH_SLOT_ITEM; NULL: absent */
};

bool test_holds(const struct subject *x, const struct test *t);
/* Calls `differ` for every part that does not hold. `near` is from 0 (all but equal) to 1 (nothing in common). */
typedef void test_differ(void *arg, const char *path, const char *expected, const char *actual, double near);
void test_explain(const struct subject *x, const struct plan *plan, const struct test *t, test_differ *differ,
                  void *arg);
void test_explain_demand(const struct subject *x, const struct plan *plan, const struct demand *d, test_differ *differ,
                         void *arg);
void test_describe(const struct test *t, struct text *out); /* "at least 3" */

/* ---- alone: one expectation of one type, for verifications ---- */

struct matcher;
int matcher_new(const struct pb_type *type, const struct node *expected, struct matcher **out, struct error *err);
void matcher_free(struct matcher *m);
/* A malformed message matches nothing. One thread at a time. */
bool matcher_holds(struct matcher *m, struct bytes message);
/* "path: expected X, got Y" a line; nothing when it matches. */
void matcher_differences(struct matcher *m, struct bytes message, struct text *out);

#endif
