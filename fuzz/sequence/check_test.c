/* The checkers, each against a system with the bug it is for and against one without: a store of keys, as answers to
 * their own probes and to nothing else. */
#include "base/test.h"

#include "fuzz/sequence/check.h"

#include "fuzz/case/path.h"
#include "fuzz/cover/cover.h"
#include "fuzz/message/put.h"
#include "fuzz/sequence/link.h"
#include "fuzz/sequence/sequence_internal.h"
#include "proto/set.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <string.h>

enum bug {
    BUG_NONE,
    BUG_UNDEAD,    /* deletes nothing */
    BUG_FREED,     /* forgets, but still changes what it forgot */
    BUG_SHARED,    /* shows everything to everybody */
    BUG_TAKEN,     /* lets everybody delete */
    BUG_OPEN,      /* asks nobody for a token */
    BUG_TWICE,     /* the same creation again adds another one */
    BUG_FORGETFUL, /* an update keeps only the fields it knows */
    BUG_HIDDEN,    /* lists do not show what is there */
    BUG_LISTED,    /* lists show what is gone */
    BUG_MORE,      /* gives one more than the limit */
    BUG_MISFIT,    /* a prefix is looked for anywhere */
    BUG_STALE,     /* what is there already is not written over */
    BUG_NEWER,     /* a condition holds on every older revision as well */
    BUG_OVERLAP,   /* a page begins with the last one of the page before it */
    BUG_GAP,       /* a page leaves the first one out */
    BUG_CHECKS,    /* a deletion on condition only checks it */
};

static struct pb_pool *pool;

#define NOTES_MAX 64
#define PROBES    32 /* of each checker for each maker: some of what they do they do now and then */

/* Notes or records by their key; the whole resource is kept as bytes. */
struct system {
    enum bug bug;
    struct {
        char key[40];
        struct text resource;
        uint64_t revision;
        bool gone, twice;
    } things[NOTES_MAX];
    size_t count;
    uint64_t revision;
};

static int find(const struct system *s, struct bytes key)
{
    for (size_t i = s->count; i-- > 0;)
        if (!s->things[i].gone && bytes_is(key, s->things[i].key))
            return (int)i;
    return -1;
}

static bool was_there(const struct system *s, struct bytes key)
{
    for (size_t i = 0; i < s->count; i++)
        if (bytes_is(key, s->things[i].key))
            return true;
    return false;
}

/* Of several the last one counts. */
static struct bytes field(struct bytes message, uint32_t number)
{
    struct fuzz_path path = {1, {{number, FUZZ_PATH_NO_INDEX}}};
    struct fuzz_value v[4];
    size_t count = fuzz_path_get(&path, NULL, message, v, 4);
    return count > 0 ? v[count - 1].bytes : BYTES_NONE;
}

/* Not what came in another wire type: that is an unknown field. */
static uint64_t number(struct bytes message, uint32_t field_number)
{
    struct fuzz_path path = {1, {{field_number, FUZZ_PATH_NO_INDEX}}};
    struct fuzz_value v[4];
    uint64_t n = 0;
    for (size_t i = 0, count = fuzz_path_get(&path, NULL, message, v, 4); i < count; i++)
        if (v[i].wire == WIRE_VARINT)
            (void)pb_varint_read(v[i].bytes, &n);
    return n;
}

static void put_number(struct text *out, unsigned field_number, uint64_t value)
{
    uint8_t head[10];
    text_add(out, head, pb_varint_write(head, field_number << 3));
    text_add(out, head, pb_varint_write(head, value));
}

static void put(struct text *out, unsigned number, struct bytes value)
{
    uint8_t head[10];
    text_add(out, head, pb_varint_write(head, number << 3 | 2));
    text_add(out, head, pb_varint_write(head, value.len));
    text_add(out, value.data, value.len);
}

/* Without what the type does not know. */
static void put_known(struct text *out, const char *type, struct bytes resource)
{
    const struct pb_type *t = pb_find_type(pool, type);
    for (size_t i = 0; i < t->field_count; i++) {
        struct bytes value = field(resource, t->fields[i].number);
        if (value.len > 0 && (t->fields[i].kind == PB_STRING || t->fields[i].kind == PB_BYTES))
            put(out, t->fields[i].number, value);
    }
}

static void keep(struct system *s, struct bytes key, struct bytes resource)
{
    int at = find(s, key);
    bool again = at >= 0;
    if (at < 0)
        at = (int)s->count++;
    assert_true(s->count < NOTES_MAX && key.len < 40);
    s->things[at].revision = ++s->revision;
    if (again && s->bug == BUG_STALE)
        return;
    memcpy(s->things[at].key, key.data, key.len);
    s->things[at].key[key.len] = '\0';
    s->things[at].twice = again && s->bug == BUG_TWICE;
    struct text copy = TEXT_INIT;
    if (again && s->bug == BUG_FORGETFUL)
        put_known(&copy, "store.Record", resource);
    else
        text_add(&copy, resource.data, resource.len);
    text_deinit(&s->things[at].resource);
    s->things[at].resource = copy;
}

static bool fits(const struct system *s, struct bytes key, struct bytes prefix, struct bytes suffix)
{
    if (s->bug == BUG_MISFIT && prefix.len > 0)
        return memmem(key.data, key.len, prefix.data, prefix.len) != NULL;
    return key.len >= prefix.len && key.len >= suffix.len && bytes_equal(BYTES(key.data, prefix.len), prefix) &&
           bytes_equal(BYTES(key.data + key.len - suffix.len, suffix.len), suffix);
}

/* Keys or records, as the options of store.Store say. */
static void list(const struct system *s, bool records, struct bytes prefix, struct bytes suffix, uint64_t limit,
                 uint64_t offset, struct text *reply)
{
    uint64_t skip = offset - (offset > 0 && s->bug == BUG_OVERLAP) + (offset > 0 && s->bug == BUG_GAP);
    uint64_t left = limit == 0 ? UINT64_MAX : limit + (s->bug == BUG_MORE && limit < UINT64_MAX);
    for (size_t i = 0; i < s->count && left > 0; i++) {
        if ((s->things[i].gone && s->bug != BUG_LISTED) || !fits(s, bytes_of(s->things[i].key), prefix, suffix))
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        put(reply, records ? 1 : 2, records ? text_bytes(&s->things[i].resource) : bytes_of(s->things[i].key));
        left--;
    }
}

/* A tree that answers of every path, with the path: "null" where nothing is. Paths are text without control characters.
 */
static int answer_config(struct system *s, const struct pb_method *m, struct bytes request, struct text *reply)
{
    struct bytes path = field(request, 2);
    struct text change = TEXT_INIT, data = TEXT_INIT;
    int at = find(s, path);
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] < ' ' || path.data[i] >= 0x7F)
            return GRPC_INVALID_ARGUMENT;
    if (strcmp(m->name, "Set") == 0)
        keep(s, path, field(field(request, 3), 1));
    else if (strcmp(m->name, "Delete") == 0 && at >= 0)
        s->things[at].gone = s->bug != BUG_UNDEAD;
    else if (strcmp(m->name, "Read") == 0) {
        put(&data, 1, at >= 0 ? text_bytes(&s->things[at].resource) : bytes_of("null"));
        put(&change, 2, path);
        put(&change, 3, text_bytes(&data));
        put(reply, 1, text_bytes(&change));
    }
    text_deinit(&change);
    text_deinit(&data);
    return GRPC_OK;
}

/* Services by name and the id of one node; a list of them names a node as often as it serves. */
static int answer_registry(struct system *s, const struct pb_method *m, struct bytes request, struct text *reply)
{
    struct bytes name = field(request, 1);
    int at = find(s, name);
    if (strcmp(m->name, "Register") == 0)
        keep(s, name, request);
    else if (strcmp(m->name, "Deregister") == 0 && at >= 0)
        s->things[at].gone = s->bug != BUG_UNDEAD;
    else if (strcmp(m->name, "ListServices") == 0)
        list(s, true, BYTES_NONE, BYTES_NONE, 0, 0, reply);
    return GRPC_OK;
}

/* store.Store, with api.Api's list beside it to change nothing. Notes are for updates. */
static int answer(struct system *s, const struct pb_method *m, struct bytes request, bool token, bool own,
                  struct text *reply)
{
    bool store = strcmp(m->service->full_name, "store.Store") == 0;
    if (strcmp(m->service->full_name, "config.Config") == 0)
        return answer_config(s, m, request, reply);
    if (strcmp(m->service->full_name, "registry.Registry") == 0)
        return answer_registry(s, m, request, reply);
    struct bytes id = field(request, 1);
    if (!token && s->bug != BUG_OPEN)
        return GRPC_UNAUTHENTICATED;
    struct bytes options = field(request, 2);
    uint64_t wanted = store ? number(options, 100) : 0;
    if (store && (strcmp(m->name, "Write") == 0 || strcmp(m->name, "Delete") == 0) && wanted > 0) {
        int there = find(s, strcmp(m->name, "Write") == 0 ? field(id, 1) : id);
        uint64_t is = there < 0 ? 0 : s->things[there].revision;
        if (is != wanted && (s->bug != BUG_NEWER || is > wanted))
            return GRPC_FAILED_PRECONDITION;
        if (s->bug == BUG_CHECKS && strcmp(m->name, "Delete") == 0)
            return GRPC_OK;
    }
    if (store && strcmp(m->name, "Write") == 0) {
        if (field(id, 1).len == 0)
            return GRPC_INVALID_ARGUMENT;
        keep(s, field(id, 1), id);
        return GRPC_OK;
    }
    if (store && strcmp(m->name, "List") == 0) {
        struct bytes inner = field(request, 1);
        if (s->bug != BUG_HIDDEN && own)
            list(s, false, field(inner, 3), field(inner, 4), number(inner, 5), number(inner, 6), reply);
        return GRPC_OK;
    }
    if (store && strcmp(m->name, "Read") == 0 && (number(options, 3) || number(options, 4))) {
        if (own)
            list(s, true, number(options, 3) ? id : BYTES_NONE, number(options, 4) ? id : BYTES_NONE,
                 number(options, 5), number(options, 6), reply);
        return GRPC_OK;
    }
    if (strcmp(m->name, "Create") == 0) { /* of notes: the id is drawn here */
        struct text note = TEXT_INIT;
        char name[24];
        snprintf(name, sizeof name, "note-%zu-%zu", s->count, s->count * 7);
        put(&note, 1, bytes_of(name));
        put(&note, 4, bytes_of("a title"));
        keep(s, bytes_of(name), text_bytes(&note));
        put(reply, 1, text_bytes(&note));
        text_deinit(&note);
        return GRPC_OK;
    }
    bool update = strcmp(m->name, "Update") == 0;
    if (update)
        id = field(id, 1);
    int at = own || s->bug == BUG_SHARED || s->bug == BUG_TAKEN ? find(s, id) : -1;
    if (at < 0)
        return update && s->bug == BUG_FREED && was_there(s, id) ? GRPC_OK : GRPC_NOT_FOUND;
    if (strcmp(m->name, "Delete") == 0) {
        s->things[at].gone = s->bug != BUG_UNDEAD && (own || s->bug == BUG_TAKEN);
        return GRPC_OK;
    }
    if (strcmp(m->name, "Read") == 0 && (own || s->bug == BUG_SHARED)) {
        struct text shown = TEXT_INIT;
        text_add(&shown, s->things[at].resource.data, s->things[at].resource.len);
        if (store)
            put_number(&shown, 100, s->things[at].revision);
        for (int i = 0; i <= s->things[at].twice; i++)
            put(reply, 1, text_bytes(&shown));
        text_deinit(&shown);
        return GRPC_OK;
    }
    return update && own ? GRPC_OK : GRPC_NOT_FOUND;
}

static void run(enum bug bug, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct system s = {.bug = bug};
    uint32_t calls = 0;
    fuzz_trace_clear(t);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_CALL) {
            struct trace_call call = {.method = fuzz_case_method(c, calls++, pool),
                                      .event = (uint32_t)i,
                                      .status = TRACE_NO_STATUS,
                                      .without_token = (e->flags & EVENT_NO_TOKEN) != 0,
                                      .other_tenant = (e->flags & EVENT_OTHER_TENANT) != 0};
            assert_non_null(call.method);
            assert_true(array_push(&t->calls, call));
        } else if (e->kind == EVENT_MESSAGE) {
            struct text request = TEXT_INIT, reply = TEXT_INIT;
            (void)sequence_link_resolve(c, i, t, &request);
            struct trace_call *call = &t->calls.items[e->call];
            call->status =
                answer(&s, call->method, text_bytes(&request), !call->without_token, !call->other_tenant, &reply);
            if (call->status == GRPC_OK) {
                struct trace_reply r = {.call = e->call, .body = fuzz_trace_keep(t, text_bytes(&reply))};
                call->replies = 1;
                call->first_reply = (uint32_t)t->replies.count;
                assert_true(array_push(&t->replies, r));
            }
            text_deinit(&request);
            text_deinit(&reply);
        }
    }
    for (size_t i = 0; i < s.count; i++)
        text_deinit(&s.things[i].resource);
}

struct outcome {
    const char *expected; /* NULL: none may fire */
    const char *also;     /* follows from the same bug */
    size_t fired, wrong;
};

static void on_found(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    struct outcome *o = arg;
    assert_true(f->why.len > 0 && text_ok(&f->why));
    if (o->expected && strcmp(o->expected, checker->name) == 0)
        o->fired++;
    else if (!o->also || strcmp(o->also, checker->name) != 0)
        o->wrong++;
}

static bool is_toy(void *arg, const struct pb_method *m)
{
    (void)arg;
    const char *service = m->service->full_name;
    return (strcmp(service, "store.Store") == 0 && strcmp(m->name, "Databases") != 0 &&
            strcmp(m->name, "Tables") != 0) ||
           (strcmp(service, "notes.Notes") == 0 && strcmp(m->name, "List") != 0 && strcmp(m->name, "Events") != 0);
}

/* Every probe over what both services make, many times. */
static void probe_all(enum bug bug, struct outcome *o)
{
    struct sequence_graph *g = NULL;
    struct sequence *s = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    static const char *const makers[] = {"/store.Store/Write", "/notes.Notes/Create"};
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_toy}, &g, NULL), 0);
    assert_int_equal(sequence_new(g, NULL, &s, NULL), 0);
    for (size_t i = 0; i < sequence_checker_count * 2 * PROBES; i++) {
        const struct sequence_checker *checker = &sequence_checkers[i % sequence_checker_count];
        size_t maker = (size_t)sequence_graph_find(g, makers[i / sequence_checker_count % 2]);
        uint8_t sources[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY};
        for (size_t l = 0; l < sequence_input(g, maker)->count; l++)
            if (sequence_input(g, maker)->leaves[l].class == CLASS_KEY &&
                sequence_input(g, maker)->leaves[l].depth == 2)
                sources[l] = SOURCE_FRESH;
        fuzz_case_clear(&c);
        assert_true(sequence_append(s, &c, maker, sources, 0) >= 0);
        assert_true(checker->probe(s, &c) >= 0);
        run(bug, &c, &t);
        assert_true(sequence_check(g, &c, &t, on_found, o) >= 0);
    }
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    sequence_free(s);
    sequence_graph_free(g);
}

static void each_bug_by_its_checker(void **state)
{
    static const struct {
        enum bug bug;
        const char *checker;
    } rows[] = {{BUG_NONE, NULL},
                {BUG_UNDEAD, "read-after-delete"},
                {BUG_FREED, "freed-id"},
                {BUG_SHARED, "other-tenant"},
                {BUG_TAKEN, "other-tenant"},
                {BUG_OPEN, "no-token"},
                {BUG_TWICE, "retry"},
                {BUG_FORGETFUL, "unknown-lost"},
                {BUG_HIDDEN, "list-omits"},
                {BUG_LISTED, "read-after-delete"},
                {BUG_MORE, "limit-ignored"},
                {BUG_MISFIT, "filter-broken"},
                {BUG_STALE, "lost-update"},
                {BUG_NEWER, "condition-ignored"},
                {BUG_OVERLAP, "pages-broken"},
                {BUG_GAP, "pages-broken"},
                {BUG_CHECKS, "read-after-delete"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* What is not deleted can still be changed as well. */
        struct outcome o = {.expected = rows[i].checker, .also = rows[i].bug == BUG_UNDEAD ? "freed-id" : NULL};
        probe_all(rows[i].bug, &o);
        if ((rows[i].checker != NULL && o.fired == 0) || o.wrong > 0)
            fail_msg("row %zu, %s: fired %zu times, others %zu", i, rows[i].checker ? rows[i].checker : "no bug",
                     o.fired, o.wrong);
    }
    assert_non_null(sequence_checker_find("retry"));
    assert_null(sequence_checker_find("nothing"));
}

/* Sequences in which something is read after a deletion, and rightly so. */
static void what_was_not_deleted_is_read(void **state)
{
    static const char *const scripts[] = {
        /* Another one than the one that was deleted. */
        "call /notes.Notes/Create\nmessage 0 {}\nawait 0\n"
        "call /notes.Notes/Create\nmessage 1 {}\nawait 1\n"
        "call /notes.Notes/Read\nlink 1.0 note.id -> id\nmessage 2 {}\nawait 2\n"
        "call /notes.Notes/Delete\nlink 0.0 note.id -> id\nmessage 3 {}\nawait 3\n"
        "call /notes.Notes/Read\nlink 1.0 note.id -> id\nmessage 4 {}\nawait 4\n"
        "call /notes.Notes/Read\nmessage 5 {\"id\":\"note-of-nobody\"}\nawait 5\n",
        /* Another one that holds the name of the one that was deleted. */
        "call /store.Store/Write\nmessage 0 {\"record\":{\"key\":\"f0123456789\",\"value\":\"MQ==\"}}\nawait 0\n"
        "call /store.Store/Write\nmessage 1 {\"record\":{\"key\":\"fabcdef0123\",\"value\":\"ZjAxMjM0NTY3ODk=\"}}\n"
        "await 1\n"
        "call /store.Store/Read\nmessage 2 {\"key\":\"fabcdef0123\"}\nawait 2\n"
        "call /store.Store/Delete\nmessage 3 {\"key\":\"f0123456789\"}\nawait 3\n"
        "call /store.Store/Read\nmessage 4 {\"key\":\"fabcdef0123\"}\nawait 4\n"
        "call /store.Store/Read\nmessage 5 {\"key\":\"fnobody0001\"}\nawait 5\n",
        /* A deletion that names two, of which the last one counts. */
        "call /store.Store/Write\nmessage 0 {\"record\":{\"key\":\"f0123456789\",\"value\":\"MQ==\"}}\nawait 0\n"
        "call /store.Store/Write\nmessage 1 {\"record\":{\"key\":\"fabcdef0123\",\"value\":\"Mg==\"}}\nawait 1\n"
        "call /store.Store/Read\nmessage 2 {\"key\":\"f0123456789\"}\nawait 2\n"
        "call /store.Store/Delete\n"
        "message 3 x\"0a 0b 6630313233343536373839 0a 0b 6661626364656630313233\"\nawait 3\n"
        "call /store.Store/Read\nmessage 4 {\"key\":\"f0123456789\"}\nawait 4\n"
        "call /store.Store/Read\nmessage 5 {\"key\":\"fnobody0001\"}\nawait 5\n",
        /* A deletion that was to name what a later call says: it named another one. */
        "call /notes.Notes/Create\nmessage 0 {}\nawait 0\n"
        "call /notes.Notes/Create\nmessage 1 {}\nawait 1\n"
        "call /notes.Notes/Read\nlink 0.0 note.id -> id\nmessage 2 {}\nawait 2\n"
        "call /notes.Notes/Delete\nlink 4.0 #1.#1 -> id\nmessage 3 {\"id\":\"note-1-7\"}\nawait 3\n"
        "call /notes.Notes/Read\nlink 0.0 note.id -> id\nmessage 4 {}\nawait 4\n"
        "call /notes.Notes/Read\nmessage 5 {\"id\":\"note-of-nobody\"}\nawait 5\n"};
    struct sequence_graph *g = NULL;
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_toy}, &g, NULL), 0);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct outcome o = {.expected = NULL};
        assert_int_equal(fuzz_case_parse(bytes_of(scripts[i]), "script", pool, &c, NULL), 0);
        run(BUG_NONE, &c, &t);
        for (size_t k = 0; k < t.calls.count; k++)
            assert_int_equal(t.calls.items[k].status, k + 1 < t.calls.count ? GRPC_OK : GRPC_NOT_FOUND);
        assert_int_equal(sequence_check(g, &c, &t, on_found, &o), 0);
        fuzz_trace_deinit(&t);
        fuzz_case_deinit(&c);
    }
    sequence_graph_free(g);
}

static bool is_config(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strcmp(m->service->full_name, "config.Config") == 0;
}

struct judged {
    const char *script;
    enum bug bug;
    bool told; /* by the expected checker, once, and nothing else */
};

static void judge(const struct judged *rows, size_t count, bool (*wanted)(void *arg, const struct pb_method *m),
                  const char *expected)
{
    struct sequence_graph *g = NULL;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = wanted}, &g, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct outcome o = {.expected = expected};
        assert_int_equal(fuzz_case_parse(bytes_of(rows[i].script), "script", pool, &c, NULL), 0);
        run(rows[i].bug, &c, &t);
        assert_true(sequence_check(g, &c, &t, on_found, &o) >= 0);
        if (o.fired != rows[i].told || o.wrong > 0)
            fail_msg("row %zu: fired %zu times, others %zu", i, o.fired, o.wrong);
        fuzz_trace_deinit(&t);
        fuzz_case_deinit(&c);
    }
    sequence_graph_free(g);
}

/* Who answers of every path with the path shows as much of what is gone as of what never was: a control has to say so,
 * be asked when the place was there, and not be refused for its form. */
static void what_is_said_of_anything_proves_nothing(void **state)
{
#define SET     "call /config.Config/Set\nmessage 0 {\"path\":\"f59bca6/420d\",\"value\":{\"data\":\"1\"}}\nawait 0\n"
#define GONE(n) "call /config.Config/Delete\nmessage " n " {\"path\":\"f59bca6/420d\"}\nawait " n "\n"
#define READ(n) "call /config.Config/Read\nmessage " n " {\"path\":\"f59bca6/420d\"}\nawait " n "\n"
    static const struct judged rows[] = {
        /* Deleted twice, and read in between: nothing is shown but the question. */
        {SET GONE("1") READ("2") GONE("3")
             READ("4") "call /config.Config/Read\nmessage 5 {\"path\":\"fnobody/0001\"}\nawait 5\n",
         BUG_NONE, false},
        /* The same with a control that is refused for what it is. */
        {SET GONE("1") READ("2") GONE("3")
             READ("4") "call /config.Config/Read\nmessage 5 {\"path\":\"\\u0001\\u0002\"}\nawait 5\n",
         BUG_NONE, false},
        {SET GONE("1") READ("2") GONE("3") READ("4") "call /config.Config/Read\nmessage 5 x\"12028301\"\nawait 5\n",
         BUG_NONE, false},
        /* A control that was asked before anything was made. */
        {"call /config.Config/Read\nmessage 0 {\"path\":\"fnobody/0001\"}\nawait 0\n"
         "call /config.Config/Set\nmessage 1 {\"path\":\"f59bca6/420d\",\"value\":{\"data\":\"1\"}}\nawait 1\n" READ(
             "2") GONE("3") READ("4"),
         BUG_UNDEAD, false},
        /* What is still there shows more than the question. */
        {SET READ("1") GONE("2") READ("3") "call /config.Config/Read\nmessage 4 {\"path\":\"fnobody/0001\"}\nawait 4\n",
         BUG_UNDEAD, true},
        {SET READ("1") GONE("2") READ("3") "call /config.Config/Read\nmessage 4 {\"path\":\"fnobody/0001\"}\nawait 4\n",
         BUG_NONE, false},
    };
#undef SET
#undef GONE
#undef READ
    (void)state;
    judge(rows, sizeof rows / sizeof rows[0], is_config, "read-after-delete");
}

static bool is_registry(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strcmp(m->service->full_name, "registry.Registry") == 0;
}

/* What a list names twice is still named when one of them is gone: the other one was not deleted. */
static void what_has_a_namesake_is_still_listed(void **state)
{
#define REGISTER(service, n)                                                                                           \
    "call /registry.Registry/Register\n"                                                                               \
    "message " n " {\"name\":\"" service "\",\"nodes\":[{\"id\":\"f0123456789\",\"address\":\"here:1\"}]}\nawait " n   \
    "\n"
#define TAKE(n)                                                                                                        \
    "call /registry.Registry/Deregister\n"                                                                             \
    "message " n " {\"name\":\"first\",\"nodes\":[{\"id\":\"f0123456789\",\"address\":\"here:1\"}]}\nawait " n "\n"
#define LIST(n) "call /registry.Registry/ListServices\nmessage " n " {}\nawait " n "\n"
    static const struct judged rows[] = {
        {REGISTER("first", "0") LIST("1") TAKE("2") LIST("3") LIST("4"), BUG_UNDEAD, true},
        {REGISTER("first", "0") LIST("1") TAKE("2") LIST("3") LIST("4"), BUG_NONE, false},
        /* The other one before the list, behind it, and both gone but for the bug. */
        {REGISTER("first", "0") REGISTER("second", "1") LIST("2") TAKE("3") LIST("4") LIST("5"), BUG_NONE, false},
        {REGISTER("first", "0") LIST("1") REGISTER("second", "2") TAKE("3") LIST("4") LIST("5"), BUG_NONE, false},
        {REGISTER("second", "0") REGISTER("first", "1") LIST("2") TAKE("3") LIST("4") LIST("5"), BUG_NONE, false}};
#undef REGISTER
#undef TAKE
#undef LIST
    (void)state;
    judge(rows, sizeof rows / sizeof rows[0], is_registry, "read-after-delete");
}

/* A write nobody knows the end of may come to pass behind the deletion; one that ended before it may not. */
static void writes_under_way_excuse_what_is_read(void **state)
{
    static const char script[] =
        "call /store.Store/Write\nmessage 0 {\"record\":{\"key\":\"f0123456789\",\"value\":\"MQ==\"}}\nawait 0\n"
        "call /store.Store/Write\nmessage 1 {\"record\":{\"key\":\"f0123456789\",\"value\":\"MQ==\"}}\nawait 1\n"
        "call /store.Store/Read\nmessage 2 {\"key\":\"f0123456789\"}\nawait 2\n"
        "call /store.Store/Delete\nmessage 3 {\"key\":\"f0123456789\"}\nawait 3\n"
        "call /store.Store/Read\nmessage 4 {\"key\":\"f0123456789\"}\nawait 4\n"
        "call /store.Store/Read\nmessage 5 {\"key\":\"fnobody0001\"}\nawait 5\n";
    static const struct {
        int status;
        bool ended_by_us, told;
    } rows[] = {{GRPC_OK, false, true},
                {GRPC_INVALID_ARGUMENT, false, true},
                {GRPC_INTERNAL, false, true}, /* what it did it did before */
                {GRPC_CANCELLED, false, false},
                {GRPC_DEADLINE_EXCEEDED, false, false},
                {GRPC_UNAVAILABLE, false, false},
                {TRACE_NO_STATUS, false, false},
                {GRPC_OK, true, false}};
    struct sequence_graph *g = NULL;
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_toy}, &g, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct outcome o = {.expected = "read-after-delete"};
        assert_int_equal(fuzz_case_parse(bytes_of(script), "script", pool, &c, NULL), 0);
        run(BUG_UNDEAD, &c, &t);
        t.calls.items[1].status = rows[i].status;
        t.calls.items[1].ended_by_us = rows[i].ended_by_us;
        assert_true(sequence_check(g, &c, &t, on_found, &o) >= 0);
        assert_int_equal(o.fired, rows[i].told);
        fuzz_trace_deinit(&t);
        fuzz_case_deinit(&c);
    }
    sequence_graph_free(g);
}

/* A list that shows what was deleted is told when it was looked at twice, and nobody wrote it again in between. */
static void what_is_written_again_is_listed_again(void **state)
{
#define WRITE(n)  "call /store.Store/Write\nmessage " n " {\"record\":{\"key\":\"f0123456789\"}}\nawait " n "\n"
#define LIST(n)   "call /store.Store/List\nmessage " n " {}\nawait " n "\n"
#define DELETE(n) "call /store.Store/Delete\nmessage " n " {\"key\":\"f0123456789\"}\nawait " n "\n"
    static const struct judged rows[] = {
        {WRITE("0") LIST("1") DELETE("2") LIST("3") LIST("4"), BUG_LISTED, true},
        {WRITE("0") LIST("1") DELETE("2") LIST("3"), BUG_LISTED, false},
        {WRITE("0") LIST("1") DELETE("2") WRITE("3") LIST("4"), BUG_NONE, false},
        {WRITE("0") LIST("1") DELETE("2") WRITE("3") LIST("4") LIST("5"), BUG_NONE, false}};
#undef WRITE
#undef LIST
#undef DELETE
    (void)state;
    judge(rows, sizeof rows / sizeof rows[0], is_toy, "read-after-delete");
}

/* A limit in another wire type is an unknown field, and limits nothing. */
static void what_is_no_number_limits_nothing(void **state)
{
#define TWO                                                                                                            \
    "call /store.Store/Write\nmessage 0 {\"record\":{\"key\":\"f0123456789\"}}\nawait 0\n"                             \
    "call /store.Store/Write\nmessage 1 {\"record\":{\"key\":\"fabcdef0123\"}}\nawait 1\n"
#define LIST(request) "call /store.Store/List\nmessage 2 x\"" request "\"\nawait 2\n"
    static const struct judged rows[] = {
        {TWO LIST("0a02 2801"), BUG_NONE, false},
        {TWO LIST("0a02 2801"), BUG_MORE, true},
        {TWO LIST("0a03 2a0101"), BUG_NONE, false},
        {TWO LIST("0a05 2d01000000"), BUG_NONE, false},
    };
#undef TWO
#undef LIST
    (void)state;
    judge(rows, sizeof rows / sizeof rows[0], is_toy, "limit-ignored");
}

/* An update that says the thing twice, once with the unknown field and once without, may be taken at its last word. */
static void unknown_fields_said_twice(void **state)
{
#define MARKED "0a2b 0a0b6630313233343536373839 120131 dae20917 6b65707420616c74686f756768206e6f74206b6e6f776e"
#define SCRIPT(update)                                                                                                 \
    "call /store.Store/Write\nmessage 0 x\"" MARKED "\"\nawait 0\n"                                                    \
    "call /store.Store/Read\nmessage 1 {\"key\":\"f0123456789\"}\nawait 1\n"                                           \
    "call /store.Store/Write\nmessage 2 x\"" update "\"\nawait 2\n"                                                    \
    "call /store.Store/Read\nmessage 3 {\"key\":\"f0123456789\"}\nawait 3\n"
    static const struct {
        const char *script;
        bool told;
    } rows[] = {{SCRIPT(MARKED), true},
                {SCRIPT(MARKED MARKED), true},
                {SCRIPT(MARKED "0a0d 0a0b6630313233343536373839"), false},
                {SCRIPT("0a0d 0a0b6630313233343536373839" MARKED), false}};
    struct sequence_graph *g = NULL;
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_toy}, &g, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct outcome o = {.expected = "unknown-lost"};
        assert_int_equal(fuzz_case_parse(bytes_of(rows[i].script), "script", pool, &c, NULL), 0);
        run(BUG_FORGETFUL, &c, &t);
        assert_true(sequence_check(g, &c, &t, on_found, &o) >= 0);
        assert_int_equal(o.fired, rows[i].told);
        fuzz_trace_deinit(&t);
        fuzz_case_deinit(&c);
    }
    sequence_graph_free(g);
#undef SCRIPT
#undef MARKED
}

/* Feedback says the same of the same trace, and more of one that shows more. */
static void features(void **state)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct cover *cover = cover_new();
    struct text reply = TEXT_INIT;
    const struct pb_method *m = pb_find_method(pool, "/store.Store/Read", false);
    (void)state;
    assert_non_null(cover);
    assert_true(array_push(&t.calls, ((struct trace_call){.method = m, .status = GRPC_NOT_FOUND})));
    cover_reset(cover);
    sequence_features_to_cover(&t, cover);
    assert_true(cover_collect(cover, true) > 0);
    cover_reset(cover);
    sequence_features_to_cover(&t, cover);
    assert_int_equal(cover_collect(cover, true), 0);
    put(&reply, 1, BYTES("\x0a\x01k", 3));
    t.calls.items[0].status = GRPC_OK;
    struct trace_reply r = {.call = 0, .body = fuzz_trace_keep(&t, text_bytes(&reply))};
    assert_true(array_push(&t.replies, r));
    cover_reset(cover);
    sequence_features_to_cover(&t, cover);
    assert_true(cover_collect(cover, true) >= 3);
    text_deinit(&reply);
    fuzz_trace_deinit(&t);
    cover_free(cover);
}

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_bug_by_its_checker),
                                       cmocka_unit_test(what_was_not_deleted_is_read),
                                       cmocka_unit_test(what_is_said_of_anything_proves_nothing),
                                       cmocka_unit_test(writes_under_way_excuse_what_is_read),
                                       cmocka_unit_test(what_is_written_again_is_listed_again),
                                       cmocka_unit_test(what_has_a_namesake_is_still_listed),
                                       cmocka_unit_test(what_is_no_number_limits_nothing),
                                       cmocka_unit_test(unknown_fields_said_twice),
                                       cmocka_unit_test(features)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
