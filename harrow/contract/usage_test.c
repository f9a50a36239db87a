/* Which uses pacts and flows are found to name, where, and what is asked of them. */
#include "base/failing_walk.h"

#include "base/base64.h"
#include "harrow/contract/usage.h"
#include "wire/proto/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char shop[] =
    "syntax = \"proto3\"; package shop;\n"
    "enum Color { NONE = 0; RED = 1; BLUE = 2; }\n"
    "message Tag { string text = 1; }\n"
    "message Item { string name = 1; int64 price = 2; Color color = 3; map<string, Tag> tags = 4;\n"
    "  oneof how { string card = 5; string cash = 6; } }\n"
    "message BuyRequest { Item item = 1; repeated string codes = 2; }\n"
    "message BuyResponse { Item item = 1; string receipt_id = 2; }\n"
    "message Unused { string text = 1; }\n"
    "service Shop { rpc Buy(BuyRequest) returns (BuyResponse); rpc Look(BuyRequest) returns (stream BuyResponse); }\n"
    "service Bank { rpc Pay(BuyRequest) returns (BuyResponse); }\n";

static const char flows[] = "flows:\n"
                            "  - flow: buying\n"
                            "    steps:\n"
                            "      - call: shop.Shop/Buy\n"
                            "        request: {item: {name: x, tags: {a: {text: b}}}, call: shop.Shop/Look}\n"
                            "        expect: {body: {item: {color: {$not: BLUE}, nothing: 1}}}\n"
                            "        capture: {id: $.body.receiptId, t: '$.body.item.tags[\"k\"].text'}\n"
                            "      - repeat: 3\n"
                            "        steps:\n"
                            "          - call: shop.Shop/Look\n"
                            "            expect: {messages: [{item: {price: 5}}]}\n"
                            "  - contract: shop pays\n"
                            "    provider: shop\n"
                            "    doubles: {bank: shop.Bank}\n"
                            "    steps:\n"
                            "      - double: bank\n"
                            "        answer: {method: Pay, reply: {receipt_id: r}}\n"
                            "      - {verify: bank, method: Pay, requests: [{item: {cash: '1'}}]}\n";

static struct text set;
static struct schema *schema;

/* A pact of one call: item {name: "a", color: RED} is sent; item {price: 5}, receipt_id "r" are expected. */
static void write_pact(struct text *out)
{
    static const char sent[] = {0x0a, 5, 0x0a, 1, 'a', 0x18, 1}, came[] = {0x0a, 2, 0x10, 5, 0x12, 1, 'r'};
    text_puts(
        out,
        "{\"consumer\": {\"name\": \"web\"}, \"provider\": {\"name\": \"shop\"}, \"interactions\": [\n"
        "  {\"type\": \"Synchronous/Messages\", \"description\": \"buys\", \"transport\": \"grpc\",\n"
        "   \"pluginConfiguration\": {\"protobuf\": {\"descriptorKey\": \"k\", \"service\": \".shop.Shop/Buy\"}},\n"
        "   \"request\": {\"contents\": {\"contentType\": \"application/protobuf;message=.shop.BuyRequest\","
        " \"encoded\": \"base64\", \"content\": \"");
    base64_encode(out, BYTES(sent, sizeof sent));
    text_puts(out, "\"}},\n   \"response\": [{\"contents\": {\"contentType\": "
                   "\"application/protobuf;message=.shop.BuyResponse\", \"encoded\": \"base64\", \"content\": \"");
    base64_encode(out, BYTES(came, sizeof came));
    text_puts(out, "\"}}]}],\n \"metadata\": {\"pactSpecification\": {\"version\": \"4.0\"}, \"plugins\": [{\"name\": "
                   "\"protobuf\", \"version\": \"0.4.0\", \"configuration\": {\"k\": {\"protoDescriptors\": \"");
    base64_encode(out, text_bytes(&set));
    text_puts(out, "\"}}}]}}\n");
}

static void tell(const struct usage *u, const char *element, struct text *out)
{
    const struct usage_entry **uses;
    size_t count;
    assert_int_equal(usage_of(u, element, &uses, &count), 0);
    text_clear(out);
    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s %s %s %s:%d:%d\n", uses[i]->who, usage_verb_name(uses[i]->verb), uses[i]->element,
                    uses[i]->file, uses[i]->line, uses[i]->column);
    free(uses);
}

static const struct row {
    const char *element, *told;
} of_flows[] = {
    {"shop.Shop.Buy", "flow buying calls shop.Shop.Buy f.yaml:4:15\n"},
    {"shop.Shop", "flow buying calls shop.Shop.Buy f.yaml:4:15\nflow buying calls shop.Shop.Look f.yaml:10:19\n"},
    {"shop.Item.name", "flow buying sends shop.Item.name f.yaml:5:26\n"},
    {"shop.Item.price", "flow buying reads shop.Item.price f.yaml:11:41\n"},
    {"shop.Tag.text", "flow buying sends shop.Tag.text f.yaml:5:46\nflow buying reads shop.Tag.text f.yaml:7:44\n"},
    {"shop.BuyResponse.receipt_id", "contract"},
    {"shop.Color", "flow buying reads shop.Color f.yaml:6:39\nflow buying reads shop.Color.BLUE f.yaml:6:46\n"},
    {"shop.Color.BLUE", "flow buying reads shop.Color.BLUE f.yaml:6:46\n"},
    {"shop.Color.RED", ""},
    {"shop.Item.how", "shop sends shop.Item.how f.yaml:18:56\n"},
    {"shop.Item.cash", "shop sends shop.Item.cash f.yaml:18:56\n"},
    {"shop.Item.card", ""},
    {"shop.Item.brand_new", "*"}, /* a field the old schema has not: whoever uses the message */
    {"shop.Bank.Pay", "shop calls shop.Bank.Pay f.yaml:17:26\n"},
    {"shop.BuyRequest.codes", ""},
    {"shop.Unused", ""},
    {"shop.Unused.text", ""},
    {"shop.proto", "*"},
    {"shop", "*"},
    {"sho", ""},
};

static void test_flows(void **state)
{
    (void)state;
    struct usage u;
    struct error err = ERROR_INIT;
    struct text out = TEXT_INIT;
    usage_init(&u, schema);
    if (usage_add_flows(&u, bytes_of(flows), "f.yaml", &err) != 0)
        fail_msg("%s", err.message);
    usage_ready(&u);
    assert_int_equal(u.flows, 2);
    for (size_t i = 0; i < sizeof of_flows / sizeof *of_flows; i++) {
        const struct row *r = &of_flows[i];
        tell(&u, r->element, &out);
        if (strcmp(r->told, "*") == 0 || strcmp(r->told, "contract") == 0)
            assert_true(out.len > 0);
        else if (strcmp(text_string(&out), r->told) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", r->element, text_string(&out), r->told);
    }
    text_deinit(&out);
    usage_deinit(&u);
}

static void test_pact(void **state)
{
    (void)state;
    struct usage u;
    struct error err = ERROR_INIT;
    struct text pact = TEXT_INIT, out = TEXT_INIT;
    write_pact(&pact);
    usage_init(&u, schema);
    if (usage_add_pact(&u, text_bytes(&pact), "p.json", &err) != 0)
        fail_msg("%s", err.message);
    usage_ready(&u);
    assert_int_equal(u.pacts, 1);
    static const struct row rows[] = {
        {"shop.Shop.Buy", "web calls shop.Shop.Buy p.json:2:3\n"},
        {"shop.Item.name", "web sends shop.Item.name p.json:2:3\n"},
        {"shop.Item.price", "web reads shop.Item.price p.json:2:3\n"},
        {"shop.Color.RED", "web sends shop.Color.RED p.json:2:3\n"},
        {"shop.BuyResponse.receipt_id", "web reads shop.BuyResponse.receipt_id p.json:2:3\n"},
        {"shop.Item.card", ""},
        {"shop.Shop.Look", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tell(&u, rows[i].element, &out);
        assert_string_equal(text_string(&out), rows[i].told);
    }
    usage_deinit(&u);
    text_clear(&out); /* as a double's door for JSON has it */
    usage_init(&u, schema);
    assert_int_equal(
        usage_add_pact(&u,
                       bytes_of("{\"consumer\":{\"name\":\"js\"},\"provider\":{\"name\":\"shop\"},"
                                "\"interactions\":[{\"description\":\"d\",\"request\":{\"method\":\"post\","
                                "\"path\":\"/shop.Shop/Buy\",\"body\":{\"codes\":[\"x\"]}},\"response\":{"
                                "\"status\":200,\"body\":{\"receiptId\":\"r\"}}}],\"metadata\":{"
                                "\"pactSpecification\":{\"version\":\"2.0.0\"}}}"),
                       "h.json", &err),
        0);
    usage_ready(&u);
    tell(&u, "shop.BuyResponse.receipt_id", &out);
    assert_non_null(strstr(text_string(&out), "js reads shop.BuyResponse.receipt_id h.json:1:"));
    tell(&u, "shop.BuyRequest.codes", &out);
    assert_non_null(strstr(text_string(&out), "js sends shop.BuyRequest.codes"));
    usage_deinit(&u);
    text_deinit(&pact);
    text_deinit(&out);
}

static void test_bad(void **state)
{
    (void)state;
    struct usage u;
    struct error err = ERROR_INIT;
    usage_init(&u, schema);
    assert_true(usage_add_flows(&u, bytes_of("flows:\n - [\n"), "f.yaml", &err) < 0);
    assert_string_equal(err.file, "f.yaml");
    error_clear(&err);
    assert_true(usage_add_pact(&u, bytes_of("{\"consumer\": 7}"), "p.json", &err) < 0);
    assert_string_equal(err.file, "p.json");
    error_clear(&err);
    usage_deinit(&u);
}

static int scenario(void)
{
    struct usage u;
    struct error err = ERROR_INIT;
    struct text pact = TEXT_INIT;
    const struct usage_entry **uses = NULL;
    size_t count;
    write_pact(&pact);
    usage_init(&u, schema);
    int code = text_ok(&pact) ? usage_add_flows(&u, bytes_of(flows), "f.yaml", &err) : ERROR_MEMORY;
    if (code == 0)
        code = usage_add_pact(&u, text_bytes(&pact), "p.json", &err);
    usage_ready(&u);
    if (code == 0)
        code = usage_of(&u, "shop.Item", &uses, &count);
    free(uses);
    usage_deinit(&u);
    text_deinit(&pact);
    error_clear(&err);
    return code;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 10);
}

static int set_up(void **state)
{
    (void)state;
    return proto_compile_text("shop.proto", bytes_of(shop), &set, NULL) == 0 &&
                   schema_new(text_bytes(&set), "set", &schema, NULL) == 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    schema_free(schema);
    text_deinit(&set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flows),
        cmocka_unit_test(test_pact),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
