/* Every matcher on every kind of field: what holds, what does not, and what is refused when it is read. */
#include "fakes/stub/test_kit.h"

struct row {
    const char *when, *yes, *no; /* requests as JSON; NULL: none */
};

/* One stub for Find at a time. */
static void check(struct kit *k, const struct row *r)
{
    struct text yaml = TEXT_INIT;
    text_printf(&yaml, "{call: shop.Shop/Find, when: %s, answer: {id: yes}}", r->when);
    /* "yes" is text in the core schema. */
    kit_add(k, text_string(&yaml));
    if (r->yes != NULL && strcmp(kit_find(k, r->yes), "{\"id\":\"yes\"}") != 0)
        fail_msg("%s does not take %s: %s", r->when, r->yes, kit_find(k, r->yes));
    if (r->no != NULL && strcmp(kit_find(k, r->no), "passed") != 0)
        fail_msg("%s takes %s", r->when, r->no);
    stub_set_clear(k->set);
    /* The same without an index, by tests alone. */
    text_clear(&yaml);
    text_printf(&yaml, "{call: shop.Shop/Find, when: {$anyOf: [%s]}, answer: {id: yes}}", r->when);
    if (strstr(r->when, "$capture") == NULL) {
        kit_add(k, text_string(&yaml));
        if (r->yes != NULL && strcmp(kit_find(k, r->yes), "{\"id\":\"yes\"}") != 0)
            fail_msg("in $anyOf: %s does not take %s", r->when, r->yes);
        if (r->no != NULL && strcmp(kit_find(k, r->no), "passed") != 0)
            fail_msg("in $anyOf: %s takes %s", r->when, r->no);
    }
    stub_set_clear(k->set);
    text_deinit(&yaml);
}

static void matchers_hold_and_do_not(void **state)
{
    static const struct row rows[] = {
        /* equality of every kind */
        {"{}", "{}", NULL},
        {"{id: a}", "{\"id\":\"a\"}", "{\"id\":\"b\"}"},
        {"{id: a}", "{\"id\":\"a\",\"count\":\"3\"}", "{}"},
        {"{id: ''}", "{}", "{\"id\":\"a\"}"},
        {"{count: 7}", "{\"count\":\"7\"}", "{\"count\":\"8\"}"},
        {"{count: '-7'}", "{\"count\":\"-7\"}", "{}"},
        {"{count: 0}", "{}", "{\"count\":\"1\"}"},
        {"{weight: 1.5}", "{\"weight\":1.5}", "{\"weight\":1.25}"},
        {"{weight: 2}", "{\"weight\":2}", "{}"},
        {"{price: 0.1}", "{\"price\":0.1}", "{\"price\":0.2}"},
        {"{exact: true}", "{\"exact\":true}", "{}"},
        {"{exact: false}", "{}", "{\"exact\":true}"},
        {"{colour: RED}", "{\"colour\":\"RED\"}", "{\"colour\":\"GREEN\"}"},
        {"{colour: 2}", "{\"colour\":\"GREEN\"}", "{}"},
        {"{raw: aGk=}", "{\"raw\":\"aGk=\"}", "{\"raw\":\"aGo=\"}"},
        {"{delta: -3}", "{\"delta\":-3}", "{\"delta\":3}"},
        {"{big: '18446744073709551615'}", "{\"big\":\"18446744073709551615\"}", "{\"big\":\"1\"}"},
        {"{limit: 0}", "{\"limit\":0}", "{}"}, /* with presence, absent is not 0 */
        {"{limit: null}", "{}", "{\"limit\":0}"},
        {"{id: a, count: 1}", "{\"id\":\"a\",\"count\":\"1\"}", "{\"id\":\"a\"}"},
        /* nested, in pieces too */
        {"{options: {table: t}}", "{\"options\":{\"table\":\"t\",\"depth\":3}}", "{\"options\":{}}"},
        {"{options: {table: ''}}", "{\"options\":{}}", "{}"},
        {"{options: {}}", "{\"options\":{\"depth\":1}}", "{}"},
        {"{options: {inner: {inner: {depth: 2}}}}", "{\"options\":{\"inner\":{\"inner\":{\"depth\":2}}}}",
         "{\"options\":{\"inner\":{\"depth\":2}}}"},
        {"{options: null}", "{}", "{\"options\":{}}"},
        {"{options: {$absent: true}}", "{}", "{\"options\":{}}"},
        {"{options: {$any: true}}", "{\"options\":{}}", "{}"},
        {"{options: {$exactly: {table: t}}}", "{\"options\":{\"table\":\"t\"}}",
         "{\"options\":{\"table\":\"t\",\"depth\":1}}"},
        {"{$exactly: {id: a, options: {depth: 1}}}", "{\"id\":\"a\",\"options\":{\"depth\":1}}",
         "{\"id\":\"a\",\"options\":{\"depth\":1,\"table\":\"x\"}}"},
        {"{$exactly: {id: a}}", "{\"id\":\"a\"}", "{\"id\":\"a\",\"limit\":0}"},
        /* oneofs */
        {"{name: n}", "{\"name\":\"n\"}", "{\"number\":\"3\"}"},
        {"{number: 0}", "{\"number\":\"0\"}", "{}"},
        {"{how: {depth: 1}}", "{\"how\":{\"depth\":1}}", "{\"name\":\"x\"}"},
        /* texts */
        {"{id: {$regex: '^ab+c$'}}", "{\"id\":\"abbc\"}", "{\"id\":\"xabbc\"}"},
        {"{id: {$regex: 'b'}}", "{\"id\":\"abc\"}", "{\"id\":\"ac\"}"},
        {"{id: {$regex: '(?i)^AbC'}}", "{\"id\":\"abcd\"}", "{\"id\":\"xabc\"}"},
        {"{id: {$regex: '^a|^b'}}", "{\"id\":\"bc\"}", "{\"id\":\"c\"}"},
        {"{id: {$regex: '^ab?'}}", "{\"id\":\"ac\"}", "{\"id\":\"b\"}"},
        {"{id: {$regex: '^a\\.b'}}", "{\"id\":\"a.b\"}", "{\"id\":\"axb\"}"},
        {"{id: {$contains: bc}}", "{\"id\":\"abcd\"}", "{\"id\":\"bdc\"}"},
        {"{id: {$glob: 'a*/?.txt'}}", "{\"id\":\"abc/x.txt\"}", "{\"id\":\"a/b/x.txt\"}"},
        {"{id: {$glob: '[a-c]?[!z]'}}", "{\"id\":\"bxy\"}", "{\"id\":\"bxz\"}"},
        {"{id: {$glob: '\\*x'}}", "{\"id\":\"*x\"}", "{\"id\":\"ax\"}"},
        {"{id: {$glob: 'a?'}}", "{\"id\":\"aü\"}", "{\"id\":\"aüb\"}"},
        {"{id: {$size: 3}}", "{\"id\":\"abc\"}", "{\"id\":\"ab\"}"},
        {"{id: {$size: {$min: 2, $max: 3}}}", "{\"id\":\"ab\"}", "{\"id\":\"abcd\"}"},
        {"{id: {$any: true}}", "{\"id\":\"a\"}", "{}"},
        {"{id: {$absent: true}}", "{}", "{\"id\":\"a\"}"},
        {"{id: {$absent: false}}", "{\"id\":\"a\"}", "{}"},
        {"{id: {$not: a}}", "{\"id\":\"b\"}", "{\"id\":\"a\"}"},
        {"{id: {$not: {$regex: ^a}}}", "{\"id\":\"b\"}", "{\"id\":\"ab\"}"},
        {"{id: {$anyOf: [a, {$regex: ^b}]}}", "{\"id\":\"bc\"}", "{\"id\":\"c\"}"},
        {"{id: {$allOf: [{$regex: ^a}, {$regex: 'z$'}]}}", "{\"id\":\"abz\"}", "{\"id\":\"ab\"}"},
        {"{id: {$min: 10, $max: 20}}", "{\"id\":\"12\"}", "{\"id\":\"x\"}"},
        {"{id: {$type: text, $not: b}}", "{\"id\":\"a\"}", "{\"id\":\"b\"}"},
        /* numbers */
        {"{count: {$min: 3}}", "{\"count\":\"3\"}", "{\"count\":\"2\"}"},
        {"{count: {$max: -3}}", "{\"count\":\"-4\"}", "{\"count\":\"-2\"}"},
        {"{count: {$min: 1, $max: 2, $not: 2}}", "{\"count\":\"1\"}", "{\"count\":\"2\"}"},
        {"{weight: {$min: 0.5}}", "{\"weight\":0.5}", "{\"weight\":0.25}"},
        {"{big: {$min: 9223372036854775807}}", "{\"big\":\"18446744073709551615\"}", "{\"big\":\"3\"}"},
        {"{count: {$regex: '^1.$'}}", "{\"count\":\"12\"}", "{\"count\":\"22\"}"},
        {"{colour: {$regex: '^R'}}", "{\"colour\":\"RED\"}", "{\"colour\":\"GREEN\"}"},
        {"{colour: {$anyOf: [RED, GREEN]}}", "{\"colour\":\"GREEN\"}", "{}"},
        {"{limit: {$min: 0}}", "{\"limit\":0}", "{}"},
        {"{raw: {$contains: hi}}", "{\"raw\":\"eGhpeA==\"}", "{\"raw\":\"eHg=\"}"},
        /* lists */
        {"{tags: [a, b]}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"b\",\"a\"]}"},
        {"{tags: []}", "{}", "{\"tags\":[\"a\"]}"},
        {"{tags: [a, {$regex: ^b}]}", "{\"tags\":[\"a\",\"bb\"]}", "{\"tags\":[\"a\",\"bb\",\"c\"]}"},
        {"{tags: {$contains: a}}", "{\"tags\":[\"b\",\"a\"]}", "{\"tags\":[\"b\"]}"},
        {"{tags: {$contains: {$regex: ^a}}}", "{\"tags\":[\"b\",\"ab\"]}", "{}"},
        {"{tags: {$all: [a, b]}}", "{\"tags\":[\"b\",\"c\",\"a\"]}", "{\"tags\":[\"a\",\"c\"]}"},
        {"{tags: {$all: [a, a]}}", "{\"tags\":[\"a\",\"a\"]}", "{\"tags\":[\"a\",\"b\"]}"},
        {"{tags: {$unordered: [a, {$any: true}]}}", "{\"tags\":[\"z\",\"a\"]}", "{\"tags\":[\"z\",\"y\"]}"},
        {"{tags: {$unordered: [{$regex: .}, a]}}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\",\"b\",\"c\"]}"},
        {"{tags: {$each: {$regex: ^a}}}", "{\"tags\":[\"a\",\"ab\"]}", "{\"tags\":[\"a\",\"b\"]}"},
        {"{tags: {$first: a}}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"b\",\"a\"]}"},
        {"{tags: {$first: a}}", NULL, "{}"},
        {"{tags: {$size: 2}}", "{\"tags\":[\"a\",\"b\"]}", "{\"tags\":[\"a\"]}"},
        {"{tags: {$absent: true}}", "{}", "{\"tags\":[\"a\"]}"},
        {"{tags: {$not: {$contains: a}}}", "{\"tags\":[\"b\"]}", "{\"tags\":[\"b\",\"a\"]}"},
        {"{sizes: [1, 300, -1]}", "{\"sizes\":[1,300,-1]}", "{\"sizes\":[1,300]}"},
        {"{sizes: {$contains: {$min: 5}}}", "{\"sizes\":[1,6]}", "{\"sizes\":[1,2]}"},
        {"{sizes: {$size: {$min: 2}}}", "{\"sizes\":[1,6]}", "{\"sizes\":[1]}"},
        {"{colours: [RED, GREEN]}", "{\"colours\":[\"RED\",\"GREEN\"]}", "{\"colours\":[\"RED\"]}"},
        {"{items: [{id: a}, {amount: 3}]}", "{\"items\":[{\"id\":\"a\"},{\"id\":\"b\",\"amount\":3}]}",
         "{\"items\":[{\"id\":\"a\"},{\"amount\":4}]}"},
        {"{items: {$contains: {id: a, amount: {$min: 2}}}}", "{\"items\":[{},{\"id\":\"a\",\"amount\":2}]}",
         "{\"items\":[{\"id\":\"a\"},{\"amount\":2}]}"},
        {"{items: {$contains: {parts: {$contains: {id: x}}}}}", "{\"items\":[{\"parts\":[{\"id\":\"x\"}]}]}",
         "{\"items\":[{\"parts\":[{\"id\":\"y\"}]}]}"},
        {"{items: {$contains: {$exactly: {id: a}}}}", "{\"items\":[{\"id\":\"a\"}]}",
         "{\"items\":[{\"id\":\"a\",\"amount\":1}]}"},
        {"{items: {$each: {options: {table: t}}}}", "{\"items\":[{\"options\":{\"table\":\"t\"}}]}",
         "{\"items\":[{\"options\":{\"table\":\"t\"}},{}]}"},
        /* maps */
        {"{labels: {a: x}}", "{\"labels\":{\"b\":\"y\",\"a\":\"x\"}}", "{\"labels\":{\"a\":\"y\"}}"},
        {"{labels: {a: {$absent: true}}}", "{\"labels\":{\"b\":\"y\"}}", "{\"labels\":{\"a\":\"\"}}"},
        {"{labels: {a: {$regex: ^x}}}", "{\"labels\":{\"a\":\"xy\"}}", "{}"},
        {"{labels: {$exactly: {a: x}}}", "{\"labels\":{\"a\":\"x\"}}", "{\"labels\":{\"a\":\"x\",\"b\":\"y\"}}"},
        {"{labels: {$size: 1}}", "{\"labels\":{\"a\":\"x\"}}", "{}"},
        {"{labels: {$each: {$regex: ^x}}}", "{\"labels\":{\"a\":\"x\",\"b\":\"xx\"}}", "{\"labels\":{\"a\":\"y\"}}"},
        {"{shelves: {3: {id: a}}}", "{\"shelves\":{\"3\":{\"id\":\"a\"}}}", "{\"shelves\":{\"4\":{\"id\":\"a\"}}}"},
        {"{shelves: {-1: {id: {$not: a}}}}", "{\"shelves\":{\"-1\":{}}}", "{}"},
        /* types with a JSON form of their own */
        {"{since: '2024-01-31T12:00:00Z'}", "{\"since\":\"2024-01-31T12:00:00Z\"}",
         "{\"since\":\"2024-01-31T12:00:01Z\"}"},
        {"{since: {$min: '2024-01-01T00:00:00Z', $max: '2024-12-31T00:00:00Z'}}",
         "{\"since\":\"2024-06-01T00:00:00.5Z\"}", "{\"since\":\"2025-01-01T00:00:00Z\"}"},
        {"{since: {$regex: '^2024'}}", "{\"since\":\"2024-06-01T00:00:00Z\"}", "{\"since\":\"2023-06-01T00:00:00Z\"}"},
        {"{since: {$absent: true}}", "{}", "{\"since\":\"2023-06-01T00:00:00Z\"}"},
        {"{wait: 1.5s}", "{\"wait\":\"1.500s\"}", "{\"wait\":\"2s\"}"},
        {"{wait: {$max: 2s}}", "{\"wait\":\"-3s\"}", "{\"wait\":\"2.5s\"}"},
        {"{note: hello}", "{\"note\":\"hello\"}", "{}"},
        {"{note: ''}", "{\"note\":\"\"}", "{}"},
        {"{note: {$regex: ^h}}", "{\"note\":\"hello\"}", "{\"note\":\"oh\"}"},
        {"{note: {$absent: true}}", "{}", "{\"note\":\"\"}"},
        {"{stock: {$min: 3}}", "{\"stock\":3}", "{\"stock\":2}"},
        {"{stock: null}", "{}", "{\"stock\":0}"},
        {"{extra: {a: 1, b: {c: x}}}", "{\"extra\":{\"a\":1,\"b\":{\"c\":\"x\",\"d\":2},\"e\":3}}",
         "{\"extra\":{\"a\":1,\"b\":{\"c\":\"y\"}}}"},
        {"{any: {'@type': type.googleapis.com/shop.Item, id: a}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"a\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"b\"}}"},
        {"{any: {type_url: type.googleapis.com/shop.Item, value: CgFh}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"a\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"b\"}}"},
        {"{any: {type_url: {$regex: 'Item$'}}}", "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"a\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Options\"}}"},
        {"{any: {$exactly: {type_url: type.googleapis.com/shop.Item, value: ''}}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\"}}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\",\"id\":\"b\"}}"},
        {"{$anyOf: [{any: {type_url: type.googleapis.com/shop.Item}}]}",
         "{\"any\":{\"@type\":\"type.googleapis.com/shop.Item\"}}", "{}"},
        {"{mask: 'id,count'}", "{\"mask\":\"id,count\"}", "{\"mask\":\"count,id\"}"},
        {"{mask: {paths: [id, count]}}", "{\"mask\":\"id,count\"}", "{\"mask\":\"count,id\"}"},
        {"{mask: {paths: {$unordered: [id, count]}}}", "{\"mask\":\"count,id\"}", "{\"mask\":\"id\"}"},
        {"{mask: {$exactly: {paths: {$contains: id}}}}", "{\"mask\":\"count,id\"}", "{\"mask\":\"count\"}"},
        {"{mask: {}}", "{\"mask\":\"\"}", "{}"},
        {"{masks: [{paths: [id]}]}", "{\"masks\":[\"id\"]}", "{\"masks\":[\"count\"]}"},
        /* the whole message */
        {"{$anyOf: [{id: a}, {count: 3}]}", "{\"count\":\"3\"}", "{\"count\":\"4\"}"},
        {"{id: a, $anyOf: [{count: 1}, {count: 2}]}", "{\"id\":\"a\",\"count\":\"2\"}",
         "{\"id\":\"b\",\"count\":\"2\"}"},
        {"{$not: {id: a, count: 1}}", "{\"id\":\"a\"}", "{\"id\":\"a\",\"count\":\"1\"}"},
        {"{$allOf: [{id: a}, {id: {$size: 1}}]}", "{\"id\":\"a\"}", "{}"},
        {"{id: {$regex: '^u-([0-9]+)', $capture: u}}", "{\"id\":\"u-12\"}", "{\"id\":\"u-\"}"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&k, &rows[i]);
    kit_deinit(&k);
}

/* Wire forms that no JSON makes. */
static void wire_rules_hold(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    struct {
        const char *when;
        const uint8_t bytes[24];
        size_t len;
        bool matches;
    } rows[] = {
        {"{id: b}", {0x0A, 1, 'a', 0x0A, 1, 'b'}, 6, true}, /* the last one counts */
        {"{options: {table: t, depth: 2}}", {0x62, 3, 0x0A, 1, 't', 0x62, 2, 0x10, 2}, 9, true}, /* pieces merge */
        {"{name: {$any: true}}", {0x72, 1, 'n', 0x78, 3}, 5, false}, /* the last of a oneof */
        {"{how: {depth: {$any: true}}}", {0x82, 1, 2, 0x10, 2, 0x72, 1, 'n'}, 8, false},
        {"{sizes: [1, 2, 3]}", {0x40, 1, 0x42, 2, 2, 3}, 6, true}, /* packed and unpacked mix */
        {"{id: ''}", {0x08, 5}, 2, true},                          /* a foreign wire type is unknown */
        {"{id: a}", {0x0A, 1, 'a', 0xFA, 0x3F, 1, 'z'}, 7, true},  /* unknown fields are passed over */
        {"{$exactly: {id: a}}", {0x0A, 1, 'a', 0xFA, 0x3F, 1, 'z'}, 7, false},
        {"{$exactly: {id: a}}", {0x0A, 1, 'a', 0x10, 0}, 5, true}, /* a default that is on the wire */
        {"{id: a}", {0x0A, 1, 'a', 0x0B, 0x08, 1, 0x0C}, 7, true}, /* a group */
        {"{}", {0x0A, 5, 'a'}, 3, false},                          /* cut off */
        {"{labels: {$size: 1}}", {0x52, 3, 0x0A, 1, 'a', 0x52, 3, 0x0A, 1, 'a'}, 10, true},
        {"{labels: {a: y}}", {0x52, 6, 0x0A, 1, 'a', 0x12, 1, 'x', 0x52, 6, 0x0A, 1, 'a', 0x12, 1, 'y'}, 16, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text yaml = TEXT_INIT;
        size_t ends[1];
        struct fake_asked asked;
        text_printf(&yaml, "{call: shop.Shop/Find, when: %s}", rows[i].when);
        kit_add(&k, text_string(&yaml));
        kit_asked(&k, "Find", (const char *const[]){"{}", NULL}, ends, &asked);
        ends[0] = rows[i].len;
        asked.request = BYTES(rows[i].bytes, rows[i].len);
        if ((kit_ask(&k, &asked) == FAKE_ANSWERED) != rows[i].matches)
            fail_msg("row %zu: %s", i, rows[i].when);
        stub_set_clear(k.set);
        text_deinit(&yaml);
    }
    kit_deinit(&k);
}

static void what_is_wrong_has_its_place(void **state)
{
    static const struct {
        const char *yaml;
        int line, column;
        const char *part;
    } rows[] = {
        {"{call: shop.Shop/Find, when: {idd: a}}", 1, 31, "shop.Query has no field \"idd\": did you mean \"id\"?"},
        {"{call: shop.Shop/Find, when: {id: 3}}", 1, 35, "id takes text, and this is an integer (put it in quotes)"},
        {"{call: shop.Shop/Find, when: {count: x}}", 1, 38, "count takes a whole number"},
        {"{call: shop.Shop/Find, when: {delta: 3000000000}}", 1, 38, "does not hold 3000000000"},
        {"{call: shop.Shop/Find, when: {colour: READ}}", 1, 39, "has no value \"READ\": did you mean RED?"},
        {"{call: shop.Shop/Find, when: {id: {$regex: 'a('}}}", 1, 44, "not a regular expression"},
        {"{call: shop.Shop/Find, when: {id: {$regex: '((a{50}){50}){50}'}}}", 1, 44, "multiply to more than"},
        {"{call: shop.Shop/Find, when: {id: {$regx: a}}}", 1, 36, "did you mean $regex?"},
        {"{call: shop.Shop/Find, when: {id: {$glob: 'a['}}}", 1, 43, "not a glob"},
        {"{call: shop.Shop/Find, when: {id: [a]}}", 1, 35, "id takes text"},
        {"{call: shop.Shop/Find, when: {tags: a}}", 1, 37, "tags is a list, and this is text"},
        {"{call: shop.Shop/Find, when: {options: a}}", 1, 40, "options is a message"},
        {"{call: shop.Shop/Find, when: {options: {tabel: a}}}", 1, 41, "did you mean \"table\"?"},
        {"{call: shop.Shop/Find, when: {items: {$contains: {titel: a}}}}", 1, 51, "did you mean \"title\"?"},
        {"{call: shop.Shop/Find, when: {labels: [a]}}", 1, 39, "labels is a map"},
        {"{call: shop.Shop/Find, when: {shelves: {x: {}}}}", 1, 41, "a key of shelves is a whole number"},
        {"{call: shop.Shop/Find, when: {count: {$size: 3}}}", 1, 39, "$size is for lists"},
        {"{call: shop.Shop/Find, when: {exact: {$min: 3}}}", 1, 45, "for numbers"},
        {"{call: shop.Shop/Find, when: {tags: {$regex: a}}}", 1, 38, "$regex is for texts"},
        {"{call: shop.Shop/Find, when: {since: yesterday}}", 1, 38, "imestamp"},
        {"{call: shop.Shop/Find, when: {since: {$min: 3}}}", 1, 45, "since takes a time"},
        {"{call: shop.Shop/Find, when: {id: {$type: list}}}", 1, 43, "id is a text by its schema, never list"},
        {"{call: shop.Shop/Find, when: {id: {$not: {$capture: a, $regex: b}}}}", 1, 53, "$capture is for values"},
        {"{call: shop.Shop/Find, when: {raw: '%%'}}", 1, 36, "Base64"},
        {"{call: shop.Shop/Find, when: []}", 1, 30, "map stands for"},
        {"{call: shop.Shop/Find, metadata: {x-a: 3}}", 1, 40, "x-a takes text"},
        {"{call: shop.Shop/Find, messages: []}", 1, 34, "Find takes one message"},
    };
    struct kit k;
    (void)state;
    kit_init(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        kit_refused(&k, rows[i].yaml, rows[i].line, rows[i].column, rows[i].part);
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matchers_hold_and_do_not),
        cmocka_unit_test(wire_rules_hold),
        cmocka_unit_test(what_is_wrong_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
