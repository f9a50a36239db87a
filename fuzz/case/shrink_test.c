/* What the minimiser leaves of large cases, for predicates whose smallest case is known. */
#include "base/test.h"

#include "fuzz/case/links.h"
#include "fuzz/case/mutate_case.h"
#include "fuzz/case/shrink.h"
#include "fuzz/case/test_kit.h"
#include "fuzz/message/put.h"

#define TRIES 20000

struct question {
    bool (*holds)(const struct fuzz_case *c);
    size_t asked, limit;
    uint64_t seen[TRIES]; /* no candidate is asked about twice */
};

static bool still(void *arg, const struct fuzz_case *c)
{
    struct question *q = arg;
    uint64_t hash = fuzz_case_hash(c);
    assert_true(q->asked < q->limit);
    for (size_t i = 0; i < q->asked; i++)
        assert_true(q->seen[i] != hash);
    q->seen[q->asked++] = hash;
    return q->holds(c);
}

/* What is left of the case is the script; and again, from the start, by the same steps. */
static void expect_left(struct fuzz_case *c, bool (*holds)(const struct fuzz_case *c), const char *script)
{
    static struct question q;
    struct fuzz_case same = FUZZ_CASE_INIT;
    struct fuzz_shrunk did, again;
    struct text text = TEXT_INIT;
    assert_int_equal(fuzz_case_copy(&same, c), 0);
    q = (struct question){.holds = holds, .limit = TRIES};
    assert_int_equal(fuzz_shrink(c, kit.pool, still, &q, TRIES, &did), 0);
    assert_true(did.done && did.tries == q.asked);
    assert_true(holds(c));
    q = (struct question){.holds = holds, .limit = TRIES};
    assert_int_equal(fuzz_shrink(&same, kit.pool, still, &q, TRIES, &again), 0);
    assert_true(fuzz_case_equal(c, &same) && did.tries == again.tries && did.steps == again.steps);
    assert_int_equal(fuzz_case_print(c, kit.pool, &text), 0);
    if (script)
        assert_string_equal(text_string(&text), script);
    text_deinit(&text);
    fuzz_case_deinit(&same);
}

/* A large case that every predicate finds its own in. */
static void make_large(struct random *r, struct fuzz_case *c, const char *middle)
{
    struct fuzz_case part = FUZZ_CASE_INIT;
    fuzz_case_clear(c);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fuzz_generate_case(r, &kit.source, &part), 0);
        assert_int_equal(fuzz_case_append_tail(r, c, &part, 0), 0);
        if (i == 2) {
            kit_parse(middle, &part);
            assert_int_equal(fuzz_case_append_tail(r, c, &part, 0), 0);
        }
    }
    fuzz_case_deinit(&part);
}

static struct bytes event_value(const struct fuzz_case *c, size_t i)
{
    return fuzz_case_bytes(c, c->events.items[i].value);
}

/* A cancellation with code 77, and further on a fault. */
static bool two_distant(const struct fuzz_case *c)
{
    bool cancelled = false;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        cancelled |= e->kind == EVENT_CANCEL && e->number == 77;
        if (cancelled && e->kind == EVENT_FAULT)
            return true;
    }
    return false;
}

static void test_two_distant(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 1);
    for (int i = 0; i < 5; i++) {
        make_large(&r, &c,
                   "call /store.Store/Read deadline=1s\nmessage 0 {\"key\":\"a\"}\ncancel 0 77\nawait 0\n"
                   "half-close 0 trailers\nmessage 0 {}\ncall /auth.Auth/Token\nfault store kill\nawait 1\n");
        expect_left(&c, two_distant, "call /store.Store/Read\ncancel 0 77\nfault store kill\n");
    }
    fuzz_case_deinit(&c);
}

static bool has_value(const struct fuzz_case *c, const char *path, const char *text, bool prefix)
{
    const struct pb_type *type = pb_find_type(kit.pool, "store.WriteRequest");
    struct fuzz_path p;
    struct fuzz_value found[8];
    size_t at;
    const char *expected;
    assert_int_equal(fuzz_path_parse(bytes_of(path), type, &p, &at, &expected), 0);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        const struct pb_method *m = e->kind == EVENT_MESSAGE ? fuzz_case_method(c, e->call, kit.pool) : NULL;
        if (!m || m->input != type || pb_scan(type->descriptor, event_value(c, i), NULL))
            continue;
        size_t count = fuzz_path_get(&p, type, event_value(c, i), found, 8);
        for (size_t k = 0; k < count; k++)
            if (prefix ? found[k].bytes.len >= strlen(text) && memcmp(found[k].bytes.data, text, strlen(text)) == 0
                       : found[k].bytes.len > 0 && memchr(found[k].bytes.data, *text, found[k].bytes.len))
                return true;
    }
    return false;
}

static const char write_large[] =
    "call /store.Store/Write deadline=3s other-tenant\nmetadata x \"y\"\nmessage 0 gzip "
    "{\"record\":{\"key\":\"some/long/key\",\"value\":\"AAECAwQFBgcICQ==\",\"expiry\":\"77\",\"metadata\":{"
    "\"one\":{\"type\":\"string\",\"value\":\"what % is\"},\"two\":{\"type\":\"int64\",\"value\":\"50 %\"}}},"
    "\"options\":{\"database\":\"d\",\"table\":\"t\"}}\nhalf-close 0\nawait 0\n";

static bool nested_field(const struct fuzz_case *c)
{
    return has_value(c, "record.metadata.value.type", "int", true);
}

static void test_nested_field(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 2);
    make_large(&r, &c, write_large);
    expect_left(&c, nested_field, NULL);
    assert_int_equal(c.events.count, 2);
    assert_string_equal(fuzz_case_method(&c, 0, kit.pool)->path, "/store.Store/Write");
    /* record { metadata { value { type: "int" } } }, a length and a tag each, and nothing else. */
    assert_true(bytes_equal(event_value(&c, 1), BYTES("\x0a\x09\x22\x07\x12\x05\x0a\x03int", 11)));
    fuzz_case_deinit(&c);
}

static bool byte_in_string(const struct fuzz_case *c)
{
    return has_value(c, "record.metadata[1].value.value", "%", false);
}

static void test_byte_in_string(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 3);
    make_large(&r, &c, write_large);
    expect_left(&c, byte_in_string, NULL);
    assert_int_equal(c.events.count, 2);
    /* Two entries, of which the second one counts: the first is there and empty. */
    assert_true(bytes_equal(event_value(&c, 1), BYTES("\x0a\x09\x22\x00\x22\x05\x12\x03\x12\x01%", 11)));
    fuzz_case_deinit(&c);
}

static bool one_metadata(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        struct bytes name = fuzz_case_bytes(c, c->events.items[i].name);
        if (c->events.items[i].kind == EVENT_METADATA && bytes_is(name, "x-odd") && event_value(c, i).len >= 5 &&
            event_value(c, i).data[0] == ';')
            return true;
    }
    return false;
}

static void test_metadata(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 4);
    make_large(&r, &c,
               "call /store.Store/Read no-token\nmetadata x-even \"2\"\nmetadata x-odd \";quite a long one\"\n"
               "message 0 {}\n");
    expect_left(&c, one_metadata, "call /store.Store/Read\nmetadata x-odd \";aaaa\"\n");
    fuzz_case_deinit(&c);
}

/* A number over a border, in a message that comes as hexadecimal digits because it is broken behind that. */
static bool broken_number(const struct fuzz_case *c)
{
    const struct pb_type *type = pb_find_type(kit.pool, "store.ReadRequest");
    const struct fuzz_path p = {2, {{2, FUZZ_PATH_NO_INDEX}, {5, FUZZ_PATH_NO_INDEX}}};
    for (size_t i = 0; i < c->events.count; i++) {
        struct fuzz_value v;
        uint64_t limit;
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_MESSAGE && fuzz_case_method(c, e->call, kit.pool) &&
            fuzz_case_method(c, e->call, kit.pool)->input == type &&
            pb_scan(type->descriptor, event_value(c, i), NULL) != 0 &&
            fuzz_path_get(&p, type, event_value(c, i), &v, 1) == 1 && pb_varint_read(v.bytes, &limit) && limit > 1000)
            return true;
    }
    return false;
}

static void test_broken(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    kit_parse("call /store.Store/Read\nmessage 0 x\"0a0461626364 120a0a0164 28ffff7f 12 0161 ff0102030405\"\n"
              "half-close 0\n",
              &c);
    expect_left(&c, broken_number, NULL);
    assert_int_equal(c.events.count, 2);
    /* options { limit: 1001 }, and one byte that cannot be read. */
    assert_int_equal(event_value(&c, 1).len, 6);
    assert_memory_equal(event_value(&c, 1).data, "\x12\x03\x28\xe9\x07", 5);
    fuzz_case_deinit(&c);
}

/* The reply of one call in the request of another, which is what links are for. */
static bool one_link(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        const struct pb_method *from = e->kind == EVENT_LINK ? fuzz_case_method(c, e->call, kit.pool) : NULL;
        uint32_t to = e->kind == EVENT_LINK ? fuzz_event_call(c, i) : FUZZ_NO_CALL;
        const struct pb_method *method = to == FUZZ_NO_CALL ? NULL : fuzz_case_method(c, to, kit.pool);
        if (from && method && strcmp(from->path, "/store.Store/List") == 0 &&
            strcmp(method->path, "/store.Store/Delete") == 0)
            return true;
    }
    return false;
}

static void test_link(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 5);
    make_large(&r, &c,
               "call /auth.Auth/Token\nmessage 0 {}\ncall /store.Store/List\nmessage 1 {}\nhalf-close 1\n"
               "await 1\ncall /store.Store/Delete\nlink 0.3 #1 -> options.table\nlink 1.2 keys[1] -> key\n"
               "message 2 {\"key\":\"a\",\"options\":{\"table\":\"t\"}}\nhalf-close 2\n");
    expect_left(&c, one_link,
                "call /store.Store/List\ncall /store.Store/Delete\nlink 0.0 keys[1] -> key\n"
                "message 1 {}\n");
    fuzz_case_deinit(&c);
}

static bool raw(const struct fuzz_case *c)
{
    bool frame = false;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        frame |= e->kind == EVENT_FRAME && e->number == 0x601 && event_value(c, i).len >= 3;
        if (frame && e->kind == EVENT_HEADERS && event_value(c, i).len >= 9 &&
            memmem(event_value(c, i).data, event_value(c, i).len, "b: two\n", 7))
            return true;
    }
    return false;
}

static void test_raw(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    kit_parse("connect store grpc\nbytes \"PRI * HTTP/2.0\"\nframe settings:0x0 0 \"\"\nframe ping:0x1 0 \"12345678\"\n"
              "frame data:0x0 1 \"0123456789\"\nheaders 1 0x4 \"a: one\\nb: two\\nc: three\\n\"\ntime 5ms\n",
              &c);
    expect_left(&c, raw, "frame ping:0x1 0 \"aaa\"\nheaders 1 0x4 \"b: two\\ne\\n\"\n");
    fuzz_case_deinit(&c);
}

static bool never(void *arg, const struct fuzz_case *c)
{
    (void)c;
    ++*(size_t *)arg;
    return false;
}

static bool always(void *arg, const struct fuzz_case *c)
{
    (void)c;
    ++*(size_t *)arg;
    return true;
}

static void test_limits(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT, was = FUZZ_CASE_INIT;
    struct fuzz_shrunk did;
    size_t asked = 0;
    random_seed(&r, 6);
    make_large(&r, &c, write_large);
    assert_int_equal(fuzz_case_copy(&was, &c), 0);
    assert_int_equal(fuzz_shrink(&c, kit.pool, never, &asked, TRIES, &did), ERROR_NOT_FOUND);
    assert_true(fuzz_case_equal(&c, &was) && asked == 1);
    assert_int_equal(fuzz_shrink(&c, kit.pool, always, &asked, 0, &did), ERROR_NOT_FOUND);
    assert_int_equal(asked, 1);
    asked = 0;
    assert_int_equal(fuzz_shrink(&c, NULL, always, &asked, TRIES, &did), 0);
    assert_true(c.events.count == 0 && did.done && asked < 10);
    /* Out of tries: as far as it came. */
    static struct question q;
    q = (struct question){.holds = byte_in_string, .limit = 20};
    assert_int_equal(fuzz_shrink(&was, kit.pool, still, &q, 20, &did), 0);
    assert_true(q.asked == 20 && !did.done && byte_in_string(&was));
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&was);
}

/* Half a mebibyte in which two bytes matter. */
static bool two_bytes(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        struct bytes v = event_value(c, i);
        const uint8_t *first = v.len > 0 ? memchr(v.data, '<', v.len) : NULL;
        if (first && memchr(first, '>', v.len - (size_t)(first - v.data)))
            return true;
    }
    return false;
}

static void test_large_value(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text wire = TEXT_INIT;
    const struct fuzz_event call = {.kind = EVENT_CALL}, message = {.kind = EVENT_MESSAGE};
    const size_t len = (size_t)512 << 10;
    fuzz_put_tag(&wire, 1, 2);
    fuzz_put_varint(&wire, len);
    size_t at = wire.len;
    fuzz_put_run(&wire, '.', len);
    wire.data[at + 100000] = '<';
    wire.data[at + 400000] = '>';
    assert_true(fuzz_case_add(&c, &call, bytes_of("/store.Store/Read"), BYTES_NONE) == 0);
    assert_true(fuzz_case_add(&c, &message, BYTES_NONE, text_bytes(&wire)) == 1);
    expect_left(&c, two_bytes, "call /store.Store/Read\nmessage 0 {\"key\":\"<>\"}\n");
    text_deinit(&wire);
    fuzz_case_deinit(&c);
}

static bool has_z(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && event_value(c, i).len > 0 &&
            memchr(event_value(c, i).data, 'z', event_value(c, i).len))
            return true;
    return false;
}

/* As the oracle does that goes by what the message says of itself. */
static bool has_z_labelled(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].name.len == 0)
            return false;
    return has_z(c);
}

/* A message says what is wrong with it for as long as that is known to be so. */
static void test_label(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    /* Cut off. */
    kit_parse("call /store.Store/Read\nmessage 0 near-valid defect=utf8-continuation x\"0a04617aff62\"\n", &c);
    expect_left(&c, has_z, "call /store.Store/Read\nmessage 0 {\"key\":\"z\"}\n");
    /* Wanted, so it stays, and is there. */
    kit_parse("call /store.Store/Read\nmessage 0 near-valid defect=utf8-continuation x\"0a04617aff62\"\n", &c);
    expect_left(&c, has_z_labelled,
                "call /store.Store/Read\nmessage 0 near-valid defect=utf8-continuation x\"0a027aff\" "
                "# store.ReadRequest.key at byte 3: a string is not valid UTF-8\n");
    /* One that decoders take: nothing tells whether it is still there in other bytes. */
    kit_parse("call /store.Store/Read\nmessage 0 near-valid defect=varint-padded x\"0a8200617a\"\n", &c);
    expect_left(
        &c, has_z_labelled,
        "call /store.Store/Read\nmessage 0 near-valid defect=varint-padded x\"0a8200617a\" # {\"key\":\"az\"}\n");
    kit_parse("call /store.Store/Read\nmessage 0 near-valid defect=varint-padded x\"0a8200617a\"\n", &c);
    expect_left(&c, has_z, "call /store.Store/Read\nmessage 0 {\"key\":\"z\"}\n");
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_distant), cmocka_unit_test(test_nested_field), cmocka_unit_test(test_byte_in_string),
        cmocka_unit_test(test_metadata),    cmocka_unit_test(test_broken),       cmocka_unit_test(test_link),
        cmocka_unit_test(test_raw),         cmocka_unit_test(test_limits),       cmocka_unit_test(test_large_value),
        cmocka_unit_test(test_label),
    };
    return cmocka_run_group_tests(tests, kit_load, kit_unload);
}
