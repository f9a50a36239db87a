/* Each rule fires on the change it is about, with its place and element, and none on no change at all. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/breaking/approvals.h"
#include "wire/proto/proto.h"

#include <string.h>

#define P3 "syntax = \"proto3\"; package p; "
#define P2 "syntax = \"proto2\"; package p; "

static const struct row {
    enum breaking_rule_id rule;
    const char *before, *after;
    const char *element;
    int line, column; /* of the new text; 0: nothing of it is left */
} rows[] = {
    {ENUM_NO_DELETE, P3 "enum E { Z = 0; }", P3, "p.E", 0, 0},
    {EXTENSION_NO_DELETE, P2 "message M { extensions 1 to 9; } extend M { optional int32 x = 1; }",
     P2 "message M { extensions 1 to 9; }", "p.x", 0, 0},
    {MESSAGE_NO_DELETE, P3 "message M { message N {} }", P3 "\nmessage M {}", "p.M.N", 2, 1},
    {SERVICE_NO_DELETE, P3 "service S {}", P3, "p.S", 0, 0},
    {ENUM_SAME_TYPE, P2 "enum E { Z = 0; }", P3 "enum E { Z = 0; }", "p.E", 1, 31},
    {ENUM_VALUE_NO_DELETE, P3 "enum E { Z = 0; A = 1; }", P3 "enum E { Z = 0; }", "p.E.A", 1, 31},
    {EXTENSION_MESSAGE_NO_DELETE, P2 "message M { extensions 1 to 9; }", P2 "message M { extensions 1 to 5; }", "p.M",
     1, 31},
    {FIELD_NO_DELETE, P3 "message M { int32 a = 1; }", P3 "message M { reserved 1; reserved \"a\"; }", "p.M.a", 1, 31},
    {FIELD_SAME_CARDINALITY, P3 "message M { int32 a = 1; }", P3 "message M { optional int32 a = 1; }", "p.M.a", 1, 43},
    {FIELD_SAME_CPP_STRING_TYPE, P3 "message M { string a = 1; }", P3 "message M { string a = 1 [ctype = CORD]; }",
     "p.M.a", 1, 57},
    {FIELD_SAME_JAVA_UTF8_VALIDATION, P2 "message M { optional string a = 1; }",
     P2 "option java_string_check_utf8 = true; message M { optional string a = 1; }", "p.M.a", 1, 81},
    {FIELD_SAME_JSTYPE, P3 "message M { int64 a = 1; }", P3 "message M { int64 a = 1 [jstype = JS_STRING]; }", "p.M.a",
     1, 56},
    {FIELD_SAME_TYPE, P3 "message M { int32 a = 1; }", P3 "message M { int64 a = 1; }", "p.M.a", 1, 43},
    {FIELD_SAME_UTF8_VALIDATION, P2 "message M { optional string a = 1; }", P3 "message M { optional string a = 1; }",
     "p.M.a", 1, 43},
    {FILE_SAME_CC_ENABLE_ARENAS, P3, P3 "option cc_enable_arenas = false;", "x.proto", 1, 31},
    {FILE_SAME_CC_GENERIC_SERVICES, P3, P3 "option cc_generic_services = true;", "x.proto", 1, 31},
    {FILE_SAME_CSHARP_NAMESPACE, P3, P3 "option csharp_namespace = \"x\";", "x.proto", 1, 31},
    {FILE_SAME_GO_PACKAGE, P3 "option go_package = \"x\";", P3 "option go_package = \"y\";", "x.proto", 1, 31},
    {FILE_SAME_JAVA_GENERIC_SERVICES, P3, P3 "option java_generic_services = true;", "x.proto", 1, 31},
    {FILE_SAME_JAVA_MULTIPLE_FILES, P3, P3 "option java_multiple_files = true;", "x.proto", 1, 31},
    {FILE_SAME_JAVA_OUTER_CLASSNAME, P3, P3 "option java_outer_classname = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_JAVA_PACKAGE, P3, P3 "option java_package = \"x\";", "x.proto", 1, 31},
    {FILE_SAME_OBJC_CLASS_PREFIX, P3, P3 "option objc_class_prefix = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_OPTIMIZE_FOR, P3, P3 "option optimize_for = CODE_SIZE;", "x.proto", 1, 31},
    {FILE_SAME_PHP_CLASS_PREFIX, P3, P3 "option php_class_prefix = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_PHP_METADATA_NAMESPACE, P3, P3 "option php_metadata_namespace = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_PHP_NAMESPACE, P3, P3 "option php_namespace = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_PY_GENERIC_SERVICES, P3, P3 "option py_generic_services = true;", "x.proto", 1, 31},
    {FILE_SAME_RUBY_PACKAGE, P3, P3 "option ruby_package = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_SWIFT_PREFIX, P3, P3 "option swift_prefix = \"X\";", "x.proto", 1, 31},
    {FILE_SAME_SYNTAX, P2, P3, "x.proto", 1, 1},
    {MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR, P3 "message M {}",
     P3 "message M { option no_standard_descriptor_accessor = true; }", "p.M", 1, 43},
    {ONEOF_NO_DELETE, P3 "message M { oneof o { int32 a = 1; } }", P3 "message M { int32 a = 1; }", "p.M.o", 1, 31},
    {RPC_NO_DELETE, P3 "message M {} service S { rpc A(M) returns (M); }", P3 "message M {} service S {}", "p.S.A", 1,
     44},
    {ENUM_SAME_JSON_FORMAT, P3 "enum E { Z = 0; }", P2 "enum E { Z = 0; }", "p.E", 1, 31},
    {ENUM_VALUE_SAME_NAME, P3 "enum E { Z = 0; A = 1; }", P3 "enum E { Z = 0; B = 1; }", "p.E.A", 1, 51},
    {FIELD_SAME_JSON_NAME, P3 "message M { int32 a = 1; }", P3 "message M { int32 a = 1 [json_name = \"x\"]; }",
     "p.M.a", 1, 68},
    {FIELD_SAME_NAME, P3 "message M { int32 a = 1; }", P3 "message M { int32 b = 1; }", "p.M.a", 1, 49},
    {MESSAGE_SAME_JSON_FORMAT, P3 "message M {}", P2 "message M {}", "p.M", 1, 31},
    {FIELD_SAME_DEFAULT, P2 "message M { optional int32 a = 1; }",
     P2 "message M { optional int32 a = 1 [default = 7]; }", "p.M.a", 1, 75},
    {FIELD_SAME_ONEOF, P3 "message M { int32 a = 1; }", P3 "message M { oneof o { int32 a = 1; } }", "p.M.a", 1, 53},
    {FILE_SAME_PACKAGE, P3, "syntax = \"proto3\"; package q;", "x.proto", 1, 20},
    {MESSAGE_SAME_REQUIRED_FIELDS, P2 "message M { required int32 a = 1; }", P2 "message M { optional int32 a = 1; }",
     "p.M.a", 1, 31},
    {MESSAGE_SAME_REQUIRED_FIELDS, P2 "message M {}", P2 "message M { required int32 a = 1; }", "p.M.a", 1, 43},
    {RESERVED_ENUM_NO_DELETE, P3 "enum E { Z = 0; reserved 5; }", P3 "enum E { Z = 0; }", "p.E", 1, 31},
    {RESERVED_MESSAGE_NO_DELETE, P3 "message M { reserved 5 to 9; }", P3 "message M { reserved 5 to 6, 8; }", "p.M", 1,
     31},
    {RESERVED_MESSAGE_NO_DELETE, P3 "message M { reserved \"a\"; }", P3 "message M { }", "p.M", 1, 31},
    {RPC_SAME_CLIENT_STREAMING, P3 "message M {} service S { rpc A(M) returns (M); }",
     P3 "message M {} service S { rpc A(stream M) returns (M); }", "p.S.A", 1, 56},
    {RPC_SAME_IDEMPOTENCY_LEVEL, P3 "message M {} service S { rpc A(M) returns (M); }",
     P3 "message M {} service S { rpc A(M) returns (M) { option idempotency_level = IDEMPOTENT; } }", "p.S.A", 1, 79},
    {RPC_SAME_REQUEST_TYPE, P3 "message M {} message N {} service S { rpc A(M) returns (M); }",
     P3 "message M {} message N {} service S { rpc A(N) returns (M); }", "p.S.A", 1, 75},
    {RPC_SAME_RESPONSE_TYPE, P3 "message M {} message N {} service S { rpc A(M) returns (M); }",
     P3 "message M {} message N {} service S { rpc A(M) returns (N); }", "p.S.A", 1, 87},
    {RPC_SAME_SERVER_STREAMING, P3 "message M {} service S { rpc A(M) returns (M); }",
     P3 "message M {} service S { rpc A(M) returns (stream M); }", "p.S.A", 1, 56},
    {PACKAGE_ENUM_NO_DELETE, P3 "enum E { Z = 0; }", P3, "p.E", 0, 0},
    {PACKAGE_EXTENSION_NO_DELETE, P2 "message M { extensions 1 to 9; } extend M { optional int32 x = 1; }",
     P2 "message M { extensions 1 to 9; }", "p.x", 0, 0},
    {PACKAGE_MESSAGE_NO_DELETE, P3 "message M {}", P3, "p.M", 0, 0},
    {PACKAGE_NO_DELETE, P3, "syntax = \"proto3\"; package q;", "p", 0, 0},
    {PACKAGE_SERVICE_NO_DELETE, P3 "service S {}", P3, "p.S", 0, 0},
    {ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, P3 "enum E { Z = 0; A = 1; }", P3 "enum E { Z = 0; reserved 1; }",
     "p.E.A", 1, 31},
    {FIELD_NO_DELETE_UNLESS_NAME_RESERVED, P3 "message M { int32 a = 1; }", P3 "message M { reserved 1; }", "p.M.a", 1,
     31},
    {FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY, P3 "message M { int32 a = 1; }", P3 "message M { repeated int32 a = 1; }",
     "p.M.a", 1, 43},
    {FIELD_WIRE_JSON_COMPATIBLE_TYPE, P3 "message M { int32 a = 1; }", P3 "message M { int64 a = 1; }", "p.M.a", 1, 43},
    {ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, P3 "enum E { Z = 0; A = 1; }", P3 "enum E { Z = 0; reserved \"A\"; }",
     "p.E.A", 1, 31},
    {FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, P3 "message M { int32 a = 1; }", P3 "message M { reserved \"a\"; }",
     "p.M.a", 1, 31},
    {FIELD_WIRE_COMPATIBLE_CARDINALITY, P3 "message M { int32 a = 1; }", P3 "message M { repeated int32 a = 1; }",
     "p.M.a", 1, 43},
    {FIELD_WIRE_COMPATIBLE_TYPE, P3 "message M { int32 a = 1; }", P3 "message M { sint32 a = 1; }", "p.M.a", 1, 43},
    {MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT, P2 "message M { extensions 4 to 9; }",
     P2 "message M { option message_set_wire_format = true; extensions 4 to 9; }", "p.M", 1, 43},
};

static struct schema *compile(const char *name, const char *content)
{
    struct text set = TEXT_INIT;
    struct schema *s;
    struct error err = ERROR_INIT;
    if (proto_compile_text(name, bytes_of(content), &set, &err) != 0)
        fail_msg("%s: %d:%d: %s", content, err.line, err.column, err.message);
    assert_int_equal(schema_new(text_bytes(&set), "set", &s, NULL), 0);
    text_deinit(&set);
    return s;
}

static struct breaking_rules_set all_rules(void)
{
    struct breaking_rules_set all = breaking_rules_of(BREAKING_FILE);
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        all.on[i] = true;
    return all;
}

static const struct breaking_finding *find(const struct breaking *b, const struct row *r)
{
    for (size_t i = 0; i < b->findings.count; i++) {
        const struct breaking_finding *f = &b->findings.items[i];
        if (f->rule == r->rule && strcmp(f->element, r->element) == 0 && f->place.line == r->line &&
            f->place.column == r->column)
            return f;
    }
    return NULL;
}

static void each_rule_fires(void **state)
{
    struct breaking_rules_set all = all_rules();
    bool fired[BREAKING_RULE_COUNT] = {[FILE_NO_DELETE] = true}; /* has a test of its own */
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct schema *before = compile("x.proto", rows[i].before), *now = compile("x.proto", rows[i].after);
        struct breaking b;
        assert_int_equal(breaking_check(before, now, &all, &b, NULL), 0);
        if (find(&b, &rows[i]) == NULL) {
            for (size_t k = 0; k < b.findings.count; k++)
                print_message("  %s of %s at %d:%d: %s\n", breaking_rules[b.findings.items[k].rule].id,
                              b.findings.items[k].element, b.findings.items[k].place.line,
                              b.findings.items[k].place.column, b.findings.items[k].message);
            fail_msg("row %zu: %s of %s was not told at %d:%d", i, breaking_rules[rows[i].rule].id, rows[i].element,
                     rows[i].line, rows[i].column);
        }
        fired[rows[i].rule] = true;
        breaking_deinit(&b);
        assert_int_equal(breaking_check(now, now, &all, &b, NULL), 0);
        assert_int_equal(b.findings.count, 0);
        breaking_deinit(&b);
        schema_free(before);
        schema_free(now);
    }
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        if (!fired[i])
            fail_msg("no row for %s", breaking_rules[i].id);
}

static size_t count_of(const char *before_name, const char *before, const char *now_name, const char *now,
                       const char *level)
{
    struct schema *a = compile(before_name, before), *b = compile(now_name, now);
    struct breaking_rules_set rules = breaking_rules_of(breaking_category_by_name(level));
    struct breaking result;
    assert_int_equal(breaking_check(a, b, &rules, &result, NULL), 0);
    size_t count = result.findings.count;
    breaking_deinit(&result);
    schema_free(a);
    schema_free(b);
    return count;
}

static void levels_are_less_and_less_strict(void **state)
{
    (void)state;
    /* a file that moved */
    assert_int_equal(
        count_of("a.proto", P3 "message M { int32 a = 1; }", "b.proto", P3 "message M { int32 a = 1; }", "file"), 1);
    assert_int_equal(
        count_of("a.proto", P3 "message M { int32 a = 1; }", "b.proto", P3 "message M { int32 a = 1; }", "package"), 0);
    /* a new name: JSON knows it, the wire does not */
    assert_int_equal(
        count_of("a.proto", P3 "message M { int32 a = 1; }", "a.proto", P3 "message M { int32 b = 1; }", "wire-json"),
        2);
    assert_int_equal(
        count_of("a.proto", P3 "message M { int32 a = 1; }", "a.proto", P3 "message M { int32 b = 1; }", "wire"), 0);
    /* what the wire reads all the same */
    assert_int_equal(
        count_of("a.proto", P3 "message M { string a = 1; }", "a.proto", P3 "message M { bytes a = 1; }", "wire"), 0);
    assert_int_equal(
        count_of("a.proto", P3 "message M { bytes a = 1; }", "a.proto", P3 "message M { string a = 1; }", "wire"), 1);
    assert_int_equal(count_of("a.proto", P3 "enum E { Z = 0; } message M { E a = 1; }", "a.proto",
                              P3 "enum E { Z = 0; } message N { enum E { Z2 = 0; } } message M { N.E a = 1; }", "wire"),
                     1);
    assert_int_equal(count_of("a.proto", P2 "enum E { Z = 0; } message M { optional E a = 1; }", "a.proto",
                              P2 "enum E { Z = 0; } message N { enum E { Z = 0; Y = 1; } } "
                                 "message M { optional N.E a = 1; }",
                              "wire"),
                     0);
    /* a default that says the same in another way */
    assert_int_equal(count_of("a.proto", P2 "message M { optional int32 a = 1 [default = 16]; }", "a.proto",
                              P2 "message M { optional int64 a = 1 [default = 0x10]; }", "wire"),
                     0);
    assert_int_equal(count_of("a.proto", P2 "message M { optional bytes a = 1 [default = \"\\001\"]; }", "a.proto",
                              P2 "message M { optional bytes a = 1 [default = \"\\x01\"]; }", "wire"),
                     0);
    assert_int_equal(count_of("a.proto", P2 "message M { optional float a = 1 [default = nan]; }", "a.proto",
                              P2 "message M { optional double a = 1 [default = nan]; }", "csr"),
                     2); /* the type, for JSON and for the registry; not the default */
}

/* ---- approvals ---- */

static int approve(const char *yaml, const char *today, size_t *open, struct error *err)
{
    struct document *d;
    struct approvals approvals;
    struct schema *before = compile("x.proto", P3 "message M { int32 a = 1; int32 b = 2; }");
    struct schema *now = compile("x.proto", P3 "message M {}");
    struct breaking_rules_set rules = breaking_rules_of(BREAKING_WIRE);
    struct breaking b;
    assert_int_equal(document_parse_yaml(bytes_of(yaml), "a.yaml", &d, NULL), 0);
    int code = approvals_read(d, &approvals, err);
    if (code == 0) {
        assert_int_equal(breaking_check(before, now, &rules, &b, NULL), 0);
        assert_int_equal(b.findings.count, 2);
        *open = approvals_apply(&approvals, &b, today);
        approvals_deinit(&approvals);
        breaking_deinit(&b);
    }
    schema_free(before);
    schema_free(now);
    return code;
}

static void approvals_end_and_name_what_they_mean(void **state)
{
    static const char one[] = "approvals:\n- {rule: wire, element: p.M.a, reason: r, expires: 2026-12-01}\n";
    static const char star[] =
        "approvals:\n- {rule: FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, element: 'p.*', reason: r}\n";
    static const struct {
        const char *yaml, *told;
    } wrong[] = {
        {"approvals:\n- {rule: FIELD_NO_DELET, element: x, reason: r}", "did you mean FIELD_NO_DELETE?"},
        {"approvals:\n- {rule: wire, element: x}", "reason"},
        {"approvals:\n- {rule: wire, element: x, reason: ''}", "needs a reason"},
        {"approvals:\n- {rule: wire, element: x, reason: r, expires: soon}", "expected a day"},
        {"approvals:\n- {rule: wire, element: x, reason: r, until: 2027-01-01}", "until"},
        {"- x", "expected a map with the key \"approvals\""},
    };
    size_t open;
    (void)state;
    assert_int_equal(approve(one, "2026-11-30", &open, NULL), 0);
    assert_int_equal(open, 1);
    assert_int_equal(approve(one, "2026-12-01", &open, NULL), 0);
    assert_int_equal(open, 2);
    assert_int_equal(approve(star, "2026-12-01", &open, NULL), 0);
    assert_int_equal(open, 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error err = ERROR_INIT;
        assert_int_not_equal(approve(wrong[i].yaml, "2026-12-01", &open, &err), 0);
        if (strstr(err.message, wrong[i].told) == NULL)
            fail_msg("%s: told \"%s\"", wrong[i].yaml, err.message);
        assert_true(err.line > 0);
        error_clear(&err);
    }
}

/* ---- no memory ---- */

static int compare_two(void)
{
    static struct text before = {0}, now = {0};
    struct schema *a = NULL, *b = NULL;
    struct breaking_rules_set all = all_rules();
    struct breaking result;
    if (before.len == 0) { /* made once, with memory */
        failing_disarm();
        assert_int_equal(proto_compile_text("x.proto",
                                            bytes_of(P3 "message M { int32 a = 1; string b = 2; reserved 9; }"),
                                            &before, NULL),
                         0);
        assert_int_equal(proto_compile_text("x.proto", bytes_of(P3 "message M { int64 c = 1; }"), &now, NULL), 0);
        failing_arm(1);
    }
    int code = schema_new(text_bytes(&before), "before", &a, NULL);
    if (code == 0)
        code = schema_new(text_bytes(&now), "now", &b, NULL);
    if (code == 0)
        code = breaking_check(a, b, &all, &result, NULL);
    if (code == 0)
        breaking_deinit(&result);
    schema_free(a);
    schema_free(b);
    if (code == 0 && !failing_hit()) {
        text_deinit(&before);
        text_deinit(&now);
    }
    return code;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    /* A place that could not be looked up for want of memory is done without. */
    assert_true(failing_walk(compare_two, FAILING_MAY_BE_BORNE) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_fires),
        cmocka_unit_test(levels_are_less_and_less_strict),
        cmocka_unit_test(approvals_end_and_name_what_they_mean),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
