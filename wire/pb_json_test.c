/* The proto3 JSON mapping case by case: what must be accepted, and as what; what must be refused, and where. The list
 * follows the subjects of protobuf's conformance suite. */
#include "base/test.h"

#include "shared.pb-c.h"
#include "wire/pb.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>

static struct pb_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static const struct pb_type *type_of(const char *name)
{
    char full[100];
    snprintf(full, sizeof full, strchr(name, '.') ? "%s" : "test.all.%s", name);
    const struct pb_type *t = pb_find_type(pool, full);
    assert_non_null(t);
    return t;
}

struct accepted {
    const char *type, *json;
    const char *out; /* NULL: as `json` */
    int flags;
};

static const struct accepted accepts[] = {
    {"Scalars", "{}", NULL, 0},
    {"Scalars", " \t\r\n{ \"fInt32\" : 1 } \n", "{\"fInt32\":1}", 0},
    {"Scalars", "{\"f_int32\":1}", "{\"fInt32\":1}", 0},
    {"Scalars", "{\"fInt32\":\"1\"}", "{\"fInt32\":1}", 0},
    {"Scalars", "{\"fInt32\":\"\\u0031\"}", "{\"fInt32\":1}", 0},
    {"Scalars", "{\"fInt32\":1.0}", "{\"fInt32\":1}", 0},
    {"Scalars", "{\"fInt32\":1e5}", "{\"fInt32\":100000}", 0},
    {"Scalars", "{\"fInt32\":\"1e5\"}", "{\"fInt32\":100000}", 0},
    {"Scalars", "{\"fInt32\":1.2345e4}", "{\"fInt32\":12345}", 0},
    {"Scalars", "{\"fInt32\":2147483647.000}", "{\"fInt32\":2147483647}", 0},
    {"Scalars", "{\"fInt32\":-2147483648}", NULL, 0},
    {"Scalars", "{\"fInt32\":120e-1}", "{\"fInt32\":12}", 0},
    {"Scalars", "{\"fInt32\":0e999999999999}", "{}", 0},
    {"Scalars", "{\"fUint32\":4294967295}", NULL, 0},
    {"Scalars", "{\"fUint32\":-0}", "{}", 0},
    {"Scalars", "{\"fInt64\":9223372036854775807}", "{\"fInt64\":\"9223372036854775807\"}", 0},
    {"Scalars", "{\"fInt64\":\"-9223372036854775808\"}", NULL, 0},
    {"Scalars", "{\"fUint64\":18446744073709551615}", "{\"fUint64\":\"18446744073709551615\"}", 0},
    {"Scalars", "{\"fFixed64\":\"18446744073709551615\"}", NULL, 0},
    {"Scalars", "{\"fSint32\":-1,\"fSint64\":\"-1\"}", NULL, 0},
    {"Scalars", "{\"fSfixed32\":-7,\"fSfixed64\":\"-7\"}", NULL, 0},
    {"Scalars", "{\"fDouble\":0.1}", NULL, 0},
    {"Scalars", "{\"fDouble\":\"1.5e3\"}", "{\"fDouble\":1500}", 0},
    {"Scalars", "{\"fDouble\":1.7976931348623157e+308}", NULL, 0},
    {"Scalars", "{\"fDouble\":5e-324}", "{\"fDouble\":4.94065645841247e-324}", 0},
    {"Scalars", "{\"fDouble\":-0}", "{\"fDouble\":-0.0}", 0},
    {"Scalars", "{\"fDouble\":\"NaN\",\"fFloat\":\"-Infinity\"}", NULL, 0},
    {"Scalars", "{\"fFloat\":0.1}", NULL, 0},
    {"Scalars", "{\"fFloat\":16777216}", NULL, 0},
    {"Scalars", "{\"fFloat\":3.4028235e+38}", NULL, 0},
    {"Scalars", "{\"fFloat\":1e-46}", "{}", 0},
    {"Scalars", "{\"fBool\":true}", NULL, 0},
    {"Scalars", "{\"fBool\":false}", "{}", 0},
    {"Scalars", "{\"fString\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"fString\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}", 0},
    {"Scalars", "{\"fString\":\"\\u0000\\u001f\\u007f\"}", "{\"fString\":\"\\u0000\\u001f\\u007f\"}", 0},
    {"Scalars", "{\"fString\":\"\\u00e9\\uD83D\\uDE00\"}", "{\"fString\":\"\xc3\xa9\xf0\x9f\x98\x80\"}", 0},
    {"Scalars", "{\"fBytes\":\"AQI=\"}", NULL, 0},
    {"Scalars", "{\"fBytes\":\"AQI\"}", "{\"fBytes\":\"AQI=\"}", 0},
    {"Scalars", "{\"fBytes\":\"-_8\"}", "{\"fBytes\":\"+/8=\"}", 0},
    {"Scalars", "{\"fEnum\":\"COLOUR_BLUE\"}", NULL, 0},
    {"Scalars", "{\"fEnum\":\"COLOUR_CRIMSON\"}", "{\"fEnum\":\"COLOUR_RED\"}", 0},
    {"Scalars", "{\"fEnum\":7}", "{\"fEnum\":\"COLOUR_BLUE\"}", 0},
    {"Scalars", "{\"fEnum\":-3.0}", "{\"fEnum\":\"COLOUR_BELOW\"}", 0},
    {"Scalars", "{\"fEnum\":12345}", NULL, 0},
    {"Scalars", "{\"fEnum\":\"COLOUR_BLUE\"}", "{\"fEnum\":7}", PB_JSON_ENUM_NUMBERS},
    {"Scalars", "{\"fInt32\":null,\"fString\":null,\"fEnum\":null,\"fBytes\":null}", "{}", 0},
    {"Scalars", "{\"fInt32\":1,\"fSint64\":\"2\"}", "{\"f_int32\":1,\"f_sint64\":\"2\"}", PB_JSON_PROTO_NAMES},
    {"Optionals", "{\"fDouble\":0,\"fInt64\":\"0\",\"fBool\":false,\"fString\":\"\",\"fBytes\":\"\",\"fMessage\":{}}",
     NULL, 0},
    {"Optionals", "{\"fDouble\":null,\"fMessage\":null}", "{}", 0},
    {"Optionals", "{}", "{}", PB_JSON_DEFAULTS},
    {"Lists", "{\"fInt32\":[1,\"2\",3.0],\"fString\":[\"\",\"a\"],\"fBool\":[true,false],\"unpacked\":[0,1]}",
     "{\"fInt32\":[1,2,3],\"fBool\":[true,false],\"fString\":[\"\",\"a\"],\"unpacked\":[0,1]}", 0},
    {"Lists", "{\"fInt32\":[],\"fMessage\":null}", "{}", 0},
    {"Lists", "{\"fMessage\":[{},{\"fInt32\":1}]}", NULL, 0},
    {"Lists", "{\"fDouble\":[-0.0,\"NaN\",1e+300]}", NULL, 0},
    {"Maps", "{\"byString\":{\"\":\"\",\"a\\u0000b\":\"x\",\"b\":\"\"}}", NULL, 0},
    {"Maps", "{\"byInt32\":{\"2\":0,\"-1\":5}}", "{\"byInt32\":{\"-1\":5,\"2\":0}}", 0},
    {"Maps", "{\"byUint64\":{\"18446744073709551615\":1,\"1e2\":2}}",
     "{\"byUint64\":{\"100\":2,\"18446744073709551615\":1}}", 0},
    {"Maps", "{\"byBool\":{\"true\":\"a\",\"false\":\"b\"}}", "{\"byBool\":{\"false\":\"b\",\"true\":\"a\"}}", 0},
    {"Maps", "{\"byInt64\":{\"1\":{}},\"byUint32\":{\"1\":\"COLOUR_NONE\"}}", NULL, 0},
    {"Maps", "{\"values\":{\"a\":null,\"b\":[null,{}]}}", NULL, 0},
    {"Maps", "{\"byString\":null}", "{}", 0},
    {"Choice", "{\"number\":0}", NULL, 0},
    {"Choice", "{\"text\":\"\",\"again\":{\"nothing\":null}}", NULL, 0},
    {"Choice", "{\"text\":null,\"number\":1}", "{\"number\":1}", 0},
    {"Choice", "{\"number\":1,\"text\":null}", "{\"number\":1}", 0},
    {"Choice", "{\"nothing\":\"NULL_VALUE\"}", "{\"nothing\":null}", 0},
    {"Choice", "{\"loose\":0}", NULL, 0},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:05Z\"}", NULL, 0},
    {"Known", "{\"timestamp\":\"0001-01-01T00:00:00Z\"}", NULL, 0},
    {"Known", "{\"timestamp\":\"9999-12-31T23:59:59.999999999Z\"}", NULL, 0},
    {"Known", "{\"timestamp\":\"1970-01-01T00:00:00.5Z\"}", "{\"timestamp\":\"1970-01-01T00:00:00.500Z\"}", 0},
    {"Known", "{\"timestamp\":\"1970-01-01T08:00:01+08:00\"}", "{\"timestamp\":\"1970-01-01T00:00:01Z\"}", 0},
    {"Known", "{\"timestamp\":\"1969-12-31T16:00:00.000001-08:00\"}", "{\"timestamp\":\"1970-01-01T00:00:00.000001Z\"}",
     0},
    {"Known", "{\"timestamp\":\"2000-02-29T00:00:00Z\"}", NULL, 0},
    {"Known", "{\"duration\":\"0s\"}", NULL, 0},
    {"Known", "{\"duration\":\"-0.5s\"}", "{\"duration\":\"-0.500s\"}", 0},
    {"Known", "{\"duration\":\"315576000000s\"}", NULL, 0},
    {"Known", "{\"duration\":\"1.000000001s\"}", NULL, 0},
    {"Known", "{\"mask\":\"\"}", NULL, 0},
    {"Known", "{\"mask\":\"fooBar,baz.quxQuux9\"}", NULL, 0},
    {"Known", "{\"structure\":{\"a\":1,\"b\":{\"c\":[true,\"x\",null,-0.0]}}}", NULL, 0},
    {"Known", "{\"value\":null}", NULL, 0},
    {"Known", "{\"value\":\"x\",\"list\":[1,[2]]}", NULL, 0},
    {"Known", "{\"value\":1e300}", "{\"value\":1e+300}", 0},
    {"Known", "{\"empty\":{}}", NULL, 0},
    {"Known", "{\"wInt64\":\"0\",\"wBool\":false,\"wString\":\"\",\"wBytes\":\"\",\"wDouble\":\"NaN\"}",
     "{\"wDouble\":\"NaN\",\"wInt64\":\"0\",\"wBool\":false,\"wString\":\"\",\"wBytes\":\"\"}", 0},
    {"Known", "{\"wInt64\":null}", "{}", 0},
    {"Known", "{\"nullValue\":null,\"nullValues\":[null,\"NULL_VALUE\",0],\"maybeNull\":null}",
     "{\"nullValues\":[null,null,null],\"maybeNull\":null}", 0},
    {"Known", "{\"any\":{}}", NULL, 0},
    {"Known", "{\"any\":{\"fInt32\":3,\"@type\":\"type.googleapis.com/test.all.Scalars\"}}",
     "{\"any\":{\"@type\":\"type.googleapis.com/test.all.Scalars\",\"fInt32\":3}}", 0},
    {"Known", "{\"any\":{\"value\":\"1.5s\",\"@type\":\"x/google.protobuf.Duration\"}}",
     "{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1.500s\"}}", 0},
    {"Known", "{\"any\":{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":\"x/test.all.Nothing\"}}}", NULL, 0},
    {"Known", "{\"any\":{\"@type\":\"x/google.protobuf.Empty\",\"value\":{}}}",
     "{\"any\":{\"@type\":\"x/google.protobuf.Empty\"}}", 0},
    {"Known", "{\"any\":{\"@type\":\"x/google.protobuf.Struct\",\"value\":{\"@type\":1}}}", NULL, 0},
    {"google.protobuf.Value", "null", NULL, 0},
    {"google.protobuf.Value", "[{\"a\":false}]", NULL, 0},
    {"google.protobuf.Timestamp", "\"1970-01-01T00:00:00Z\"", NULL, 0},
    {"google.protobuf.StringValue", "\"x\"", NULL, 0},
    {"Names",
     "{\"plain\":1,\"snakeCaseName\":2,\"Leading\":3,\"trailing\":4,\"doubleUnder\":5,\"with2Digits\":6,"
     "\"UpperCase\":7,\"Own \\\"name\\\" \xc3\xbc\":8,\"inner\":{}}",
     NULL, 0},
    {"Names", "{\"snake_case_name\":2,\"own\":8}", "{\"snakeCaseName\":2,\"Own \\\"name\\\" \xc3\xbc\":8}", 0},
    {"Scalars", "{\"nope\":{\"a\":[1,{\"b\":null}]},\"fInt32\":1}", "{\"fInt32\":1}", PB_JSON_IGNORE_UNKNOWN},
    {"Scalars", "{\"fEnum\":\"NO_SUCH\"}", "{}", PB_JSON_IGNORE_UNKNOWN},
    {"Lists", "{\"fEnum\":[\"NO_SUCH\",\"COLOUR_RED\"]}", "{\"fEnum\":[\"COLOUR_RED\"]}", PB_JSON_IGNORE_UNKNOWN},
    {"Lists", "{\"fEnum\":[\"NO_SUCH\"]}", "{}", PB_JSON_IGNORE_UNKNOWN},
    {"Maps", "{\"byUint32\":{\"1\":\"NO_SUCH\",\"2\":\"COLOUR_RED\"}}", "{\"byUint32\":{\"2\":\"COLOUR_RED\"}}",
     PB_JSON_IGNORE_UNKNOWN},
    {"Known", "{\"any\":{\"@type\":\"x/test.all.Nothing\",\"extra\":1}}",
     "{\"any\":{\"@type\":\"x/test.all.Nothing\"}}", PB_JSON_IGNORE_UNKNOWN},
    {"Nothing", "{}", NULL, PB_JSON_INDENT},
    {"Lists", "{\"fInt32\":[1],\"fMessage\":[{}]}",
     "{\n  \"fInt32\": [\n    1\n  ],\n  \"fMessage\": [\n    {}\n  ]\n}", PB_JSON_INDENT},
    {"Known", "{\"any\":{\"@type\":\"x/test.all.Nothing\"},\"structure\":{\"a\":1}}",
     "{\n  \"any\": {\n    \"@type\": \"x/test.all.Nothing\"\n  },\n  \"structure\": {\n    \"a\": 1\n  }\n}",
     PB_JSON_INDENT},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepts / sizeof accepts[0]; i++) {
        const struct accepted *a = &accepts[i];
        const struct pb_type *t = type_of(a->type);
        struct text wire = TEXT_INIT, json = TEXT_INIT;
        struct error err = ERROR_INIT;
        if (pb_json_to_wire(t, bytes_of(a->json), a->flags, &wire, &err))
            fail_msg("%s %s: %s", a->type, a->json, err.message);
        if (pb_wire_to_json(t, text_bytes(&wire), a->flags, &json, &err))
            fail_msg("%s %s: %s", a->type, a->json, err.message);
        if (strcmp(text_string(&json), a->out ? a->out : a->json) != 0)
            fail_msg("%s %s: written as %s", a->type, a->json, text_string(&json));
        text_deinit(&wire);
        text_deinit(&json);
    }
}

struct refused {
    const char *type, *json;
    const char *why; /* a part of the message */
    int line, column;
};

static const struct refused refusals[] = {
    {"Scalars", "", "expected an object, found the end", 1, 1},
    {"Scalars", "null", "expected an object", 1, 1},
    {"Scalars", "[]", "expected an object", 1, 1},
    {"Scalars", "{", "ends before", 1, 2},
    {"Scalars", "{}x", "text behind the end", 1, 3},
    {"Scalars", "{,}", "member name", 1, 2},
    {"Scalars", "{\"fInt32\":1,}", "member name", 1, 13},
    {"Scalars", "{fInt32:1}", "member name in quotes", 1, 2},
    {"Scalars", "{\"fInt32\" 1}", "expected \":\"", 1, 11},
    {"Scalars", "{\"fInt32\":1 \"fBool\":true}", "expected \",\"", 1, 13},
    {"Scalars", "{\n \"\xc3\xa9\": 1, \"fInt32\": 1}", "has no field", 2, 3},
    {"Scalars", "{\n  \"fString\": \"\xc3\xa9\xc3\xa9\", \"fInt32\": x}", "found something", 2, 30},
    {"Scalars", "{\"fInt32\":1,\"fInt32\":2}", "given twice", 1, 14},
    {"Scalars", "{\"fInt32\":1,\"f_int32\":2}", "given twice", 1, 14},
    {"Scalars", "{\"fInt32\":null,\"fInt32\":2}", "given twice", 1, 17},
    {"Scalars", "{\"FInt32\":1}", "has no field \"FInt32\"", 1, 3},
    {"Scalars", "{\"fInt32\":01}", "malformed number", 1, 11},
    {"Scalars", "{\"fInt32\":+1}", "found something", 1, 11},
    {"Scalars", "{\"fInt32\":1.}", "malformed", 1, 11},
    {"Scalars", "{\"fInt32\":0x10}", "malformed", 1, 11},
    {"Scalars", "{\"fInt32\":1.5}", "no whole number", 1, 11},
    {"Scalars", "{\"fInt32\":1e-1}", "no whole number", 1, 11},
    {"Scalars", "{\"fInt32\":2147483648}", "out of the range of int32", 1, 11},
    {"Scalars", "{\"fInt32\":-2147483649}", "out of the range", 1, 11},
    {"Scalars", "{\"fInt32\":1e10}", "out of the range", 1, 11},
    {"Scalars", "{\"fInt32\":\" 1\"}", "is no int32", 1, 11},
    {"Scalars", "{\"fInt32\":\"1 \"}", "is no int32", 1, 11},
    {"Scalars", "{\"fInt32\":\"\"}", "is no int32", 1, 11},
    {"Scalars", "{\"fInt32\":\"12abc\"}", "is no int32", 1, 11},
    {"Scalars", "{\"fInt32\":true}", "expected a number, found true", 1, 11},
    {"Scalars", "{\"fInt32\":{}}", "expected a number, found an object", 1, 11},
    {"Scalars", "{\"fUint32\":-1}", "out of the range of uint32", 1, 12},
    {"Scalars", "{\"fUint64\":18446744073709551616}", "out of the range of uint64", 1, 12},
    {"Scalars", "{\"fInt64\":9223372036854775808}", "out of the range", 1, 11},
    {"Scalars", "{\"fDouble\":NaN}", "found something", 1, 12},
    {"Scalars", "{\"fDouble\":Infinity}", "found something", 1, 12},
    {"Scalars", "{\"fDouble\":\"inf\"}", "is no double", 1, 12},
    {"Scalars", "{\"fDouble\":1.9e308}", "out of the range of double", 1, 12},
    {"Scalars", "{\"fDouble\":\"-1.9e308\"}", "out of the range", 1, 12},
    {"Scalars", "{\"fFloat\":3.5e38}", "out of the range of float", 1, 11},
    {"Scalars", "{\"fInt32\":\"NaN\"}", "is no int32", 1, 11},
    {"Scalars", "{\"fBool\":\"true\"}", "expected true or false, found a string", 1, 10},
    {"Scalars", "{\"fBool\":0}", "expected true or false", 1, 10},
    {"Scalars", "{\"fBool\":tru}", "expected a value", 1, 10},
    {"Scalars", "{\"fBool\":truex}", "expected \",\"", 1, 14},
    {"Scalars", "{\"fString\":1}", "expected a string, found a number", 1, 12},
    {"Scalars", "{\"fString\":'x'}", "expected a string", 1, 12},
    {"Scalars", "{\"fString\":\"a\nb\"}", "control character", 1, 14},
    {"Scalars", "{\"fString\":\"\\x\"}", "unknown escape", 1, 13},
    {"Scalars", "{\"fString\":\"\\u12\"}", "four hexadecimal", 1, 13},
    {"Scalars", "{\"fString\":\"\\uD83D\"}", "surrogate", 1, 13},
    {"Scalars", "{\"fString\":\"\\uDE00\"}", "surrogate", 1, 13},
    {"Scalars", "{\"fString\":\"\\uD83D\\u0041\"}", "surrogate", 1, 13},
    {"Scalars", "{\"fString\":\"\xff\"}", "not valid UTF-8", 1, 13},
    {"Scalars", "{\"fString\":\"\xed\xa0\x80\"}", "not valid UTF-8", 1, 13},
    {"Scalars", "{\"fString\":\"abc", "not closed", 1, 16},
    {"Scalars", "{\"fBytes\":\"A\"}", "Base64", 1, 11},
    {"Scalars", "{\"fBytes\":\"AQ=\"}", "Base64", 1, 11},
    {"Scalars", "{\"fBytes\":\"A*==\"}", "Base64", 1, 11},
    {"Scalars", "{\"fEnum\":\"NO_SUCH\"}", "test.all.Colour has no value \"NO_SUCH\"", 1, 10},
    {"Scalars", "{\"fEnum\":\"7\"}", "has no value", 1, 10},
    {"Scalars", "{\"fEnum\":1.5}", "no whole number", 1, 10},
    {"Scalars", "{\"fEnum\":2147483648}", "out of the range", 1, 10},
    {"Scalars", "{\"fEnum\":true}", "expected a string, found true", 1, 10},
    {"Lists", "{\"fInt32\":1}", "expected a list, found a number", 1, 11},
    {"Lists", "{\"fInt32\":[1,null]}", "Lists.f_int32[1]: null is no list element", 1, 14},
    {"Lists", "{\"fInt32\":[1,]}", "expected a number", 1, 14},
    {"Lists", "{\"fInt32\":[1 2]}", "expected \",\"", 1, 14},
    {"Lists", "{\"fMessage\":[{},{\"fInt32\":\"x\"}]}", "test.all.Lists.f_message[1].f_int32: \"x\" is no int32", 1,
     27},
    {"Maps", "{\"byString\":{\"a\":\"1\",\"a\":\"2\"}}", "the same key twice", 1, 23},
    {"Maps", "{\"byInt32\":{\"1\":1,\"2\":1,\"1e0\":2}}", "the same key twice", 1, 26},
    {"Maps", "{\"byInt32\":{\"x\":1}}", "Maps.by_int32[\"x\"]: \"x\" is no int32", 1, 14},
    {"Maps", "{\"byBool\":{\"1\":\"\"}}", "\"true\" or \"false\"", 1, 13},
    {"Maps", "{\"byString\":{\"a\":null}}", "null is no map value", 1, 18},
    {"Maps", "{\"byString\":[]}", "expected an object, found a list", 1, 13},
    {"Maps", "{\"byInt64\":{\"5\":{\"fBool\":3}}}", "Maps.by_int64[\"5\"].f_bool: expected true", 1, 26},
    {"Choice", "{\"number\":1,\"text\":\"a\"}", "oneof choice already has a value", 1, 14},
    {"Choice", "{\"nothing\":null,\"text\":\"a\"}", "already has a value", 1, 18},
    {"Known", "{\"timestamp\":\"2006-01-02t15:04:05Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:05z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:05\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02 15:04:05Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-13-02T15:04:05Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-02-29T15:04:05Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:60Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:05.Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"2006-01-02T15:04:05.1234567890Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"0000-01-01T00:00:00Z\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"0001-01-01T00:00:00+00:01\"}", "expected a time", 1, 14},
    {"Known", "{\"timestamp\":\"9999-12-31T23:59:59-00:01\"}", "expected a time", 1, 14},
    {"Known", "{\"duration\":\"1\"}", "expected a duration", 1, 13},
    {"Known", "{\"duration\":\"s\"}", "expected a duration", 1, 13},
    {"Known", "{\"duration\":\"1.s\"}", "expected a duration", 1, 13},
    {"Known", "{\"duration\":\"315576000001s\"}", "expected a duration", 1, 13},
    {"Known", "{\"duration\":\"99999999999999999999999s\"}", "expected a duration", 1, 13},
    {"Known", "{\"duration\":1}", "expected a string", 1, 13},
    {"Known", "{\"mask\":\"foo_bar\"}", "field mask", 1, 9},
    {"Known", "{\"mask\":\"a,,b\"}", "field mask", 1, 9},
    {"Known", "{\"mask\":\"a,\"}", "field mask", 1, 9},
    {"Known", "{\"structure\":[]}", "expected an object", 1, 14},
    {"Known", "{\"structure\":{\"a\":1,\"a\":1}}", "the same key twice", 1, 22},
    {"Known", "{\"value\":1e999}", "out of the range", 1, 10},
    {"Known", "{\"list\":{}}", "expected a list", 1, 9},
    {"Known", "{\"empty\":[]}", "expected an object", 1, 10},
    {"Known", "{\"wInt32\":\"x\"}", "is no int32", 1, 11},
    {"Known", "{\"wInt32\":{\"value\":1}}", "expected a number", 1, 11},
    {"Known", "{\"any\":{\"fInt32\":3}}", "needs a member \"@type\"", 1, 8},
    {"Known", "{\"any\":{\"@type\":\"test.all.Scalars\"}}", "a type URL looks like", 1, 17},
    {"Known", "{\"any\":{\"@type\":\"x/no.Such\"}}", "no message type \"no.Such\"", 1, 17},
    {"Known", "{\"any\":{\"@type\":5}}", "expected a string", 1, 17},
    {"Known", "{\"any\":{\"@type\":\"x/test.all.Nothing\",\"@type\":\"x/test.all.Nothing\"}}", "given twice", 1, 39},
    {"Known", "{\"any\":{\"@type\":\"x/google.protobuf.Duration\"}}", "needs a member \"value\"", 1, 9},
    {"Known", "{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"1s\",\"b\":1}}", "has the members", 1,
     60},
    {"Known", "{\"any\":{\"@type\":\"x/test.all.Nothing\",\"b\":1}}", "has no field \"b\"", 1, 39},
    {"google.protobuf.Int32Value", "null", "expected a number, found null", 1, 1},
};

static void test_refused(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refused *r = &refusals[i];
        struct text wire = TEXT_INIT;
        struct error err = ERROR_INIT;
        text_puts(&wire, "before");
        if (pb_json_to_wire(type_of(r->type), bytes_of(r->json), 0, &wire, &err) == 0)
            fail_msg("%s %s: accepted", r->type, r->json);
        if (!strstr(err.message, r->why) || err.line != r->line || err.column != r->column) {
            print_error("%s %s: %d:%d: %s\n", r->type, r->json, err.line, err.column, err.message);
            wrong++;
        }
        assert_string_equal(text_string(&wire), "before");
        error_clear(&err);
        /* The same without anybody listening. */
        assert_int_not_equal(pb_json_to_wire(type_of(r->type), bytes_of(r->json), 0, &wire, NULL), 0);
        text_deinit(&wire);
    }
    assert_int_equal(wrong, 0);
}

/* ---- from the wire: what only bytes can say --------------------------------------------------------------------- */

struct wire_case {
    const char *type, *hex;
    const char *json; /* NULL: refused, and `why` is a part of the message */
    const char *why;
};

static const struct wire_case wires[] = {
    {"Scalars", "28012802", "{\"fInt32\":2}", NULL}, /* the last one wins */
    {"Scalars", "2800", "{}", NULL},                 /* a default spelled out */
    {"Scalars", "28ffffffffffffffffff01", "{\"fInt32\":-1}", NULL},
    {"Scalars", "28ffffffff0f", "{\"fInt32\":-1}", NULL}, /* 32 bits of a negative number */
    {"Scalars", "4002", "{\"fBool\":true}", NULL},
    {"Scalars", "0d000000002803", "{\"fInt32\":3}", NULL}, /* foreign wire type: unknown */
    {"Scalars", "c23e0161c03e05cd3e01000000c93e01000000000000002803", "{\"fInt32\":3}", NULL},
    {"Scalars", "c33ec03e01cb3ecc3ec43e2803", "{\"fInt32\":3}", NULL}, /* unknown groups */
    {"Lists",
     "2a0201022803"
     "2a0104",
     "{\"fInt32\":[1,2,3,4]}", NULL}, /* packed and not, mixed */
    {"Lists", "9001019201020203", "{\"unpacked\":[1,2,3]}", NULL},
    {"Lists", "2a00", "{}", NULL},
    {"Maps",
     "0a060a0161120162"
     "0a060a0161120163",
     "{\"byString\":{\"a\":\"c\"}}", NULL},
    {"Maps", "0a00", "{\"byString\":{\"\":\"\"}}", NULL}, /* key and value left out */
    {"Maps", "1a00", "{\"byInt64\":{\"0\":{}}}", NULL},
    {"Maps",
     "1a08"
     "12022801"
     "12024001",
     "{\"byInt64\":{\"0\":{\"fInt32\":1,\"fBool\":true}}}", NULL}, /* value in pieces */
    {"Maps", "6a030a0161", "{\"values\":{\"a\":null}}", NULL},
    {"Choice", "0801120161", "{\"text\":\"a\"}", NULL}, /* the last member wins */
    {"Choice", "1201610805", "{\"number\":5}", NULL},
    {"Choice", "2202280122024001", "{\"message\":{\"fInt32\":1,\"fBool\":true}}", NULL},
    {"Choice", "22022801080522024001", "{\"message\":{\"fBool\":true}}", NULL}, /* not merged over another member */
    {"Tree",
     "12030a0161"
     "12021a00",
     "{\"left\":{\"name\":\"a\",\"right\":{}}}", NULL},
    {"Known", "0a00", "{\"any\":{}}", NULL},
    {"Known", "3200", "{\"value\":null}", NULL},
    {"Known", "1207088083d1ffaf07", NULL, "outside the years"},
    {"Known", "120b08ff91b8c398feffffff01", NULL, "outside the years"},
    {"Known", "1206108094ebdc03", NULL, "outside the years"},
    {"Known", "120b10ffffffffffffffffff01", NULL, "outside the years"},
    {"Known", "1a070881bcaece9709", NULL, "no duration"},
    {"Known", "1a0d080110ffffffffffffffffff01", NULL, "no duration"},
    {"Known", "1a0d08ffffffffffffffffff011001", NULL, "no duration"},
    {"Known", "1a06108094ebdc03", NULL, "no duration"},
    {"Known",
     "2205"
     "0a03414263",
     NULL, "no lowerCamelCase form"},
    {"Known",
     "2207"
     "0a05"
     "615f335f62",
     NULL, "no lowerCamelCase form"},
    {"Known",
     "2206"
     "0a04"
     "615f5f62",
     NULL, "no lowerCamelCase form"},
    {"Known",
     "2204"
     "0a02"
     "615f",
     NULL, "no lowerCamelCase form"},
    {"Known",
     "2204"
     "0a022e61",
     NULL, "no lowerCamelCase form"},
    {"Known",
     "2202"
     "0a00",
     NULL, "is empty"},
    {"Known",
     "3209110000000000"
     "00f87f",
     NULL, "NaN"},
    {"Known",
     "3209110000000000"
     "00f0ff",
     NULL, "infinite"},
    {"Known",
     "0a03"
     "0a0161",
     NULL, "no type URL"},
    {"Known",
     "0a05"
     "0a03612f62",
     NULL, "no message type \"b\""},
    {"Known",
     "0a03"
     "120161",
     NULL, "no type URL"},
    {"Scalars", "4a02c328", NULL, "test.all.Scalars.f_string at byte 2: a string is not valid UTF-8"},
    {"Scalars", "4a0561", NULL, "at byte 0: the length says more bytes"},
    {"Scalars", "00", NULL, "field number 0"},
    {"Scalars", "2f", NULL, "wire type 6 or 7"},
    {"Scalars", "28ffffffffffffffffffff01", NULL, "longer than ten bytes"},
    {"Scalars", "c33e", NULL, "no matching end"},
    {"Scalars", "c43e", NULL, "no matching end"},
    {"Lists", "3203010203", NULL, "Lists.f_fixed64[0] at byte 2: packed"},
    {"Lists", "2a0180", NULL, "packed numbers end in the middle"},
};

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        char digits[3] = {hex[0], hex[1], 0};
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

static void test_wire(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        const struct wire_case *w = &wires[i];
        uint8_t bytes[200];
        size_t len = from_hex(w->hex, bytes);
        struct text json = TEXT_INIT;
        struct error err = ERROR_INIT;
        int rc = pb_wire_to_json(type_of(w->type), BYTES(bytes, len), 0, &json, &err);
        bool right = w->json ? !rc && strcmp(text_string(&json), w->json) == 0 : rc && strstr(err.message, w->why);
        if (!right) {
            print_error("%s %s: %s%s\n", w->type, w->hex, text_string(&json), rc ? err.message : "");
            wrong++;
        }
        error_clear(&err);
        text_deinit(&json);
    }
    assert_int_equal(wrong, 0);
}

/* ---- depth ------------------------------------------------------------------------------------------------------ */

static void test_depth(void **state)
{
    (void)state;
    for (int levels = 99; levels <= 102; levels++) {
        struct text json = TEXT_INIT, wire = TEXT_INIT, back = TEXT_INIT;
        struct error err = ERROR_INIT;
        for (int i = 0; i < levels; i++)
            text_puts(&json, "{\"left\":");
        text_puts(&json, "{}");
        for (int i = 0; i < levels; i++)
            text_char(&json, '}');
        int rc = pb_json_to_wire(type_of("Tree"), text_bytes(&json), 0, &wire, &err);
        assert_int_equal(rc, levels <= PB_DEPTH_MAX ? 0 : ERROR_LIMIT);
        error_clear(&err);
        /* The same from the wire, made by hand since the writer refuses. */
        text_clear(&wire);
        for (int i = 0; i < levels; i++) {
            struct text outer = TEXT_INIT;
            uint8_t length[10];
            text_char(&outer, 0x12);
            text_add(&outer, length, pb_varint_write(length, wire.len));
            text_add(&outer, wire.data, wire.len);
            text_deinit(&wire);
            wire = outer;
        }
        rc = pb_wire_to_json(type_of("Tree"), text_bytes(&wire), 0, &back, &err);
        assert_int_equal(rc, levels <= PB_DEPTH_MAX ? 0 : ERROR_LIMIT);
        error_clear(&err);
        assert_int_equal(pb_scan(type_of("Tree")->descriptor, text_bytes(&wire), NULL), rc);
        text_deinit(&json);
        text_deinit(&wire);
        text_deinit(&back);
    }
    /* Deep JSON that no field asks for, and deep Values and Anys. */
    static const char *const nests[] = {"{\"nope\":", "[", "{\"any\":{\"@type\":\"x/test.all.Known\",", NULL};
    static const char *const types[] = {"Scalars", "google.protobuf.Value", "Known"};
    for (size_t n = 0; nests[n]; n++) {
        struct text json = TEXT_INIT, wire = TEXT_INIT;
        for (int i = 0; i < 100000; i++)
            text_puts(&json, nests[n] + (n == 2 && i > 0));
        struct error err = ERROR_INIT;
        int rc = pb_json_to_wire(type_of(types[n]), text_bytes(&json), PB_JSON_IGNORE_UNKNOWN, &wire, &err);
        assert_int_equal(rc, ERROR_LIMIT);
        error_clear(&err);
        text_deinit(&json);
        text_deinit(&wire);
    }
}

/* ---- trees and messages ------------------------------------------------------------------------------------------ */

static void test_tree(void **state)
{
    (void)state;
    const struct pb_type *t = type_of("Everything");
    struct error err = ERROR_INIT;
    json_t *tree = json_pack("{s:{s:i,s:f,s:I,s:s#},s:{s:[i,i],s:[f]},s:{s:{s:n,s:b}}}", "scalars", "fInt32", 5,
                             "fDouble", 0.1, "fInt64", (json_int_t)INT64_MAX, "fString", "a\0b", 3, "lists", "fInt32",
                             1, 2, "fDouble", -0.0, "known", "structure", "x", "y", 1);
    assert_non_null(tree);
    struct text wire = TEXT_INIT;
    assert_int_equal(pb_tree_to_wire(t, tree, 0, &wire, &err), 0);
    json_t *back = pb_wire_to_tree(t, text_bytes(&wire), PB_JSON_INDENT, &err);
    assert_non_null(back);
    /* 64-bit numbers come back as strings; the rest is as it was. */
    json_object_set_new(json_object_get(tree, "scalars"), "fInt64", json_string("9223372036854775807"));
    assert_true(json_equal(tree, back));
    assert_true(json_is_real(json_array_get(json_object_get(json_object_get(back, "lists"), "fDouble"), 0)));
    json_decref(back);

    json_object_set_new(json_object_get(tree, "scalars"), "fBool", json_integer(3));
    assert_int_equal(pb_tree_to_wire(t, tree, 0, &wire, &err), ERROR_INVALID);
    assert_string_equal(err.message, "test.all.Everything.scalars.f_bool: expected true or false, found a number");
    assert_int_equal(err.line, 0);
    error_clear(&err);
    json_decref(tree);
    text_deinit(&wire);

    /* jansson's keys cannot hold a NUL. */
    static const char with_nul[] = "{\"maps\":{\"byString\":{\"a\\u0000b\":\"x\"}}}";
    wire = TEXT_INIT;
    assert_int_equal(pb_json_to_wire(t, bytes_of(with_nul), 0, &wire, &err), 0);
    assert_null(pb_wire_to_tree(t, text_bytes(&wire), 0, &err));
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    error_clear(&err);
    text_deinit(&wire);
}

static void test_generated(void **state)
{
    (void)state;
    /* protoc-c's layout of a type goes by its own descriptor and meets the pool's by name. */
    Test__Shared__Place place;
    test__shared__place__init(&place);
    char name[] = "here", house[] = "blue";
    uint32_t sizes[] = {1, 300};
    Test__Shared__Place__CountsEntry entry;
    test__shared__place__counts_entry__init(&entry);
    Test__Shared__Place__CountsEntry *entries[] = {&entry};
    char key[] = "k";
    entry.key = key;
    entry.value = -5;
    place.name = name;
    place.y = -2;
    place.sizes = sizes;
    place.n_sizes = 2;
    place.counts = entries;
    place.n_counts = 1;
    place.kind_case = TEST__SHARED__PLACE__KIND_HOUSE;
    place.house = house;
    place.mood = TEST__SHARED__MOOD__MOOD_GOOD;
    struct text json = TEXT_INIT, wire = TEXT_INIT;
    struct error err = ERROR_INIT;
    assert_int_equal(pb_to_json(pool, &place.base, 0, &json, &err), 0);
    static const char expected[] = "{\"name\":\"here\",\"y\":\"-2\",\"sizes\":[1,300],\"counts\":{\"k\":\"-5\"},"
                                   "\"house\":\"blue\",\"mood\":\"MOOD_GOOD\"}";
    assert_string_equal(text_string(&json), expected);
    /* The same bytes in the other layout. */
    assert_int_equal(pb_json_to_wire(type_of("test.shared.Place"), text_bytes(&json), 0, &wire, &err), 0);
    ProtobufCMessage *dynamic, *generated;
    assert_int_equal(pb_unpack(type_of("test.shared.Place")->descriptor, text_bytes(&wire), NULL, &dynamic, &err), 0);
    assert_int_equal(pb_unpack(&test__shared__place__descriptor, text_bytes(&wire), NULL, &generated, &err), 0);
    assert_true(pb_equal(dynamic, generated));
    assert_true(pb_equal(dynamic, &place.base));
    text_clear(&json);
    assert_int_equal(pb_to_json(pool, dynamic, 0, &json, &err), 0);
    assert_string_equal(text_string(&json), expected);
    protobuf_c_message_free_unpacked(dynamic, NULL);
    protobuf_c_message_free_unpacked(generated, NULL);
    place.y = 0;
    struct arena arena = ARENA_INIT;
    assert_int_equal(pb_unpack(&test__shared__place__descriptor, text_bytes(&wire), &arena, &generated, &err), 0);
    assert_false(pb_equal(generated, &place.base));
    arena_deinit(&arena);
    text_deinit(&wire);
    text_deinit(&json);
}

/* A message of one megabyte, many levels of lengths to fill in afterwards, and a field count above the stack's. */
static void test_large(void **state)
{
    (void)state;
    struct text json = TEXT_INIT, wire = TEXT_INIT, back = TEXT_INIT;
    for (int i = 0; i < 60; i++)
        text_puts(&json, "{\"left\":");
    text_puts(&json, "{\"name\":\"");
    for (int i = 0; i < 1 << 20; i++)
        text_char(&json, (char)('a' + i % 26));
    text_puts(&json, "\"}");
    for (int i = 0; i < 60; i++)
        text_char(&json, '}');
    assert_int_equal(pb_json_to_wire(type_of("Tree"), text_bytes(&json), 0, &wire, NULL), 0);
    assert_int_equal(pb_scan(type_of("Tree")->descriptor, text_bytes(&wire), NULL), 0);
    assert_int_equal(pb_wire_to_json(type_of("Tree"), text_bytes(&wire), 0, &back, NULL), 0);
    assert_true(bytes_equal(text_bytes(&json), text_bytes(&back)));
    text_deinit(&json);
    text_deinit(&wire);
    text_deinit(&back);
}

static void test_defaults(void **state)
{
    (void)state;
    struct text json = TEXT_INIT;
    assert_int_equal(pb_wire_to_json(type_of("Choice"), BYTES_NONE, PB_JSON_DEFAULTS, &json, NULL), 0);
    assert_string_equal(text_string(&json), "{}");
    text_clear(&json);
    assert_int_equal(pb_wire_to_json(type_of("Names"), BYTES_NONE, PB_JSON_DEFAULTS | PB_JSON_PROTO_NAMES, &json, NULL),
                     0);
    assert_string_equal(text_string(&json), "{\"plain\":0,\"snake_case_name\":0,\"_leading\":0,\"trailing_\":0,"
                                            "\"double__under\":0,\"with_2_digits\":0,\"Upper_Case\":0,\"own\":0}");
    text_clear(&json);
    assert_int_equal(pb_wire_to_json(type_of("test.shared.Place"), BYTES_NONE, PB_JSON_DEFAULTS, &json, NULL), 0);
    assert_string_equal(text_string(&json), "{\"name\":\"\",\"x\":0,\"y\":\"0\",\"sizes\":[],\"counts\":{},"
                                            "\"weight\":0,\"mood\":\"MOOD_NONE\"}");
    text_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),  cmocka_unit_test(test_wire),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_tree),     cmocka_unit_test(test_generated),
        cmocka_unit_test(test_large),    cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
