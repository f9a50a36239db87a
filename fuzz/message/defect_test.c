/* Each defect by name: that it applies, that the bytes are what its name says (as a pattern over their hexadecimal
 * form), and that our decoder makes of it what the contract says decoders do. Google's is asked by
 * mutate_google_test.py. */
#include "base/test.h"

#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/wire_tree.h"
#include "wire/testdata/set.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#define DRAWS       200
#define DRAWS_TYPES 400
#define V           "(([89a-f][0-9a-f])*[0-7][0-9a-f])" /* a varint */
#define B           "[0-9a-f][0-9a-f]"                  /* a byte */
#define AB(bad)     "^0a0.(61)?(62)?(" bad ")(61)?(62)?$"

static const struct row {
    const char *name, *type, *valid, *pattern;
    uint32_t low, high; /* with high: the last field's number, unknown to the type */
    size_t times;       /* what the pattern describes comes so often, at least */
} rows[] = {
    {"varint-padded", "test.all.Scalars", "1801", "^1881(80){0,8}00$", 0, 0, 0},
    {"tag-padded", "test.all.Scalars", "1801", "^98(80){0,3}0001$", 0, 0, 0},
    {"tag-too-long", "test.all.Scalars", "1801", "^98(80){4,8}0001$", 0, 0, 0},
    {"varint-too-long", "test.all.Scalars", "1801", "^(18|1801" V ")(ff){10}01$", 0, 0, 0},
    {"varint-overflow", "test.all.Nothing", "", "^" V "(ff){9}(0[2-9a-f]|[1-7].)$", 0, 0, 0},
    {"varint-truncated", "test.all.Nothing", "", "^" V "(80){1,9}$", 0, 0, 0},
    {"tag-truncated", "test.all.Nothing", "", "^88(80){0,3}$", 0, 0, 0},
    {"bool-odd", "test.all.Scalars", "", "^40(02|7f|8001|8002|8080808010|(80){9}01|(ff){9}01)$", 0, 0, 0},
    {"int32-high-bits", "test.all.Scalars", "", "^(28|58|78)([89a-f].){5,9}[0-7].$", 0, 0, 0},
    {"tag-alone", "test.all.Nothing", "", "^.[012589ad](" B "){0,4}$", 0, 0, 0},
    {"wrong-wire-type", "google.protobuf.StringValue", "0a0161", "^(08" V "|09.{16}|0d.{8})$", 0, 0, 0},
    {"wire-type-unassigned", "test.all.Nothing", "", "^.[67ef](" B "){0,8}$", 0, 0, 0},
    {"field-unknown", "test.shared.Place", "1001", "^1001", 11, FIELD_NUMBER_MAX, 0},
    {"field-number-reserved", "test.shared.Place", "1001", "^1001", 19000, 19999, 0},
    {"field-number-max", "test.shared.Place", "1001", "^1001", FIELD_NUMBER_MAX, FIELD_NUMBER_MAX, 0},
    {"field-number-zero", "test.all.Nothing", "", "^(01.{16}|0204.{8}|05.{8})$", 0, 0, 0},
    {"tag-zero", "test.all.Nothing", "", "^(00){1,8}$", 0, 0, 0},
    {"field-number-over", "test.all.Nothing", "", "^([89a-f].){4}([1-7].|[89a-f].)(" B ")*01$", 0, 0, 0},
    {"group-whole", "test.all.Nothing", "", "^.[3b](" B "){0,4}08" V ".[4c](" B "){0,4}$", 0, 0, 0},
    {"group-known", "google.protobuf.StringValue", "", "^0b08" V "0c$", 0, 0, 0},
    {"group-open", "test.all.Nothing", "", "^.[3b](" B "){0,4}(0801)?$", 0, 0, 0},
    {"group-end-alone", "test.all.Nothing", "", "^.[4c](" B "){0,4}$", 0, 0, 0},
    {"group-mismatch", "test.all.Nothing", "", "^.[3b](" B "){0,4}.[4c](" B "){0,4}$", 0, 0, 0},
    {"group-bomb", "test.all.Nothing", "", "^([0-7][3b]|[89a-f][3b]([89a-f].)*[0-7].)", 0, 0, 101},
    {"length-truncated", "test.all.Nothing", "", "^.[2a](" B "){0,4}(ff){1,4}$", 0, 0, 0},
    {"length-past-end", "google.protobuf.StringValue", "0a026162", "^0a(0[3-9a-f]|[1-7].|[89a-f]." B ")6162$", 0, 0, 0},
    {"length-wrapped", "google.protobuf.StringValue", "0a026162", "^0a82808080[123]06162$", 0, 0, 0},
    {"length-huge", "google.protobuf.StringValue", "0a026162",
     "^0a(ffffffff07|8080808008|ffffffff0f|(80){5}20|(ff){8}7f)6162$", 0, 0, 0},
    {"length-negative", "google.protobuf.StringValue", "0a026162", "^0a([89a-f].){9}016162$", 0, 0, 0},
    {"length-short", "google.protobuf.StringValue", "0a026162", "^0a0[01]6162$", 0, 0, 0},
    {"length-padded", "google.protobuf.StringValue", "0a026162", "^0a82(80){0,3}006162$", 0, 0, 0},
    {"utf8-continuation", "google.protobuf.StringValue", "0a026162", AB("80|bf|8080|a0"), 0, 0, 0},
    {"utf8-overlong", "google.protobuf.StringValue", "0a026162", AB("c0af|c181|e080af|f08080af"), 0, 0, 0},
    {"utf8-surrogate", "google.protobuf.StringValue", "0a026162", AB("eda080|edbfbf|eda0bdedb880|edb080"), 0, 0, 0},
    {"utf8-over", "google.protobuf.StringValue", "0a026162", AB("f4908080|f5808080|f888808080|ff"), 0, 0, 0},
    {"utf8-truncated", "google.protobuf.StringValue", "0a026162", AB("c3|e282|f09f98|e2"), 0, 0, 0},
    {"string-nul", "google.protobuf.StringValue", "0a026162", AB("00"), 0, 0, 0},
    {"scalar-twice", "google.protobuf.Int64Value", "0801", "^080108" V "$", 0, 0, 0},
    {"message-twice", "test.all.Names", "4a00", "^4a004a" V "(" B ")*$", 0, 0, 0},
    {"oneof-twice", "test.shared.Place", "320161", "^320161(3a|42)(" B ")*$", 0, 0, 0},
    {"everything-twice", "google.protobuf.Int64Value", "0801", "^08010801$", 0, 0, 0},
    {"fields-reversed", "test.shared.Place", "0a01611001", "^10010a0161$", 0, 0, 0},
    {"depth-99", "test.all.Choice", "", "^(52" V "){98}5200$", 0, 0, 0},
    {"depth-100", "test.all.Choice", "", "^(52" V "){99}5200$", 0, 0, 0},
    {"depth-101", "test.all.Choice", "", "^(52" V "){100}5200$", 0, 0, 0},
    {"depth-10000", "test.all.Choice", "", "^52" V, 0, 0, 10000},
    {"cut-short", "google.protobuf.StringValue", "0a0461626364", "^0a(04(61(62(63)?)?)?)?$", 0, 0, 0},
    {"trailing-garbage", "google.protobuf.Int64Value", "0801", "^0801(" B "){1,20}$", 0, 0, 0},
    {"bit-flipped", "google.protobuf.Int64Value", "0000", "^((01|02|04|08|10|20|40|80)00|00(01|02|04|08|10|20|40|80))$",
     0, 0, 0},
    {"map-no-key", "test.shared.Place", "", "^2a" V "10" V "$", 0, 0, 0},
    {"map-no-value", "test.shared.Place", "", "^2a" V "0a" V "(" B ")*$", 0, 0, 0},
    {"map-parts-twice", "test.shared.Place", "",
     "^2a" V "0a" V "(" B ")*(10" V "10" V "|10" V "0a(" B ")*10" V "|0a(" B ")*10" V ")$", 0, 0, 0},
    {"map-value-first", "test.shared.Place", "", "^2a" V "10" V "0a" V "(" B ")*$", 0, 0, 0},
    {"map-extra-field", "test.shared.Place", "", "^2a" V "(" B ")*1a056578747261(" B ")*$", 0, 0, 0},
    {"map-key-again", "test.shared.Place", "", "^(2a" V "0a05616761696e10" V "){2}$", 0, 0, 0},
    {"enum-unknown", "test.shared.Place", "", "^50(0[124-9a-f]|[1-7].|[89a-f].(" B "){1,4})$", 0, 0, 0},
    {"enum-negative", "test.shared.Place", "", "^50([89a-f].){9}01$", 0, 0, 0},
    {"enum-wide", "test.shared.Place", "", "^50([89a-f].){4,8}[0-7].$", 0, 0, 0},
    {"real-nan", "google.protobuf.DoubleValue", "", "^09.{12}f.(7f|ff)$", 0, 0, 0},
    {"real-negative-zero", "google.protobuf.DoubleValue", "", "^09(00){7}80$", 0, 0, 0},
    {"packed-cut", "test.shared.Place", "", "^22" V "(" B ")*80$", 0, 0, 0},
    {"packed-empty", "test.shared.Place", "", "^2200$", 0, 0, 0},
    {"packed-flipped", "test.shared.Place", "", "^(20" V "){1,4}$", 0, 0, 0},
    {"packed-split", "test.shared.Place", "", "^22" V "(" B ")+22" V "(" B ")+$", 0, 0, 0},
    {"packed-bool-odd", "test.all.Lists", "", "^4203010201$", 0, 0, 0},
};
#define ROWS (sizeof rows / sizeof rows[0])

static struct pb_pool *pool;

static int load(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static void to_hex(struct bytes b, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < b.len; i++)
        text_printf(out, "%02x", (unsigned)b.data[i]);
}

static void from_hex(const char *hex, struct text *out)
{
    text_clear(out);
    for (; *hex; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        text_char(out, (char)byte);
    }
}

/* The pattern, which is anchored at its start, again and again up to the end; at least `times`. */
static bool repeats(const regex_t *regex, const char *hex, size_t times)
{
    size_t n = 0;
    regmatch_t match;
    while (*hex) {
        if (regexec(regex, hex, 1, &match, 0) != 0 || match.rm_eo == 0 || match.rm_eo % 2 != 0)
            return false;
        hex += match.rm_eo;
        n++;
    }
    return n >= times;
}

static bool last_number_within(const struct row *row, const struct pb_type *t, struct bytes b)
{
    struct wire_node nodes[16];
    struct wire_tree tree;
    wire_tree_read(&tree, nodes, 16, t, b, 0);
    const struct wire_node *last = &nodes[tree.count - 1];
    return tree.clean && last->field == NULL && last->number >= row->low && last->number <= row->high;
}

static void check_row(const struct row *row)
{
    struct random r;
    struct text valid = TEXT_INIT, out = TEXT_INIT, hex = TEXT_INIT;
    regex_t regex;
    const struct defect *d = defect_find(row->name);
    const struct pb_type *t = pb_find_type(pool, row->type);
    if (d == NULL || t == NULL)
        fail_msg("no defect %s or no type %s", row->name, row->type);
    assert_int_equal(regcomp(&regex, row->pattern, REG_EXTENDED), 0);
    from_hex(row->valid, &valid);
    random_seed(&r, 1);
    int applied = 0;
    /* A bomb takes a while to match. */
    for (int n = 0; n < (row->times > 0 ? 4 : DRAWS); n++) {
        text_clear(&out);
        text_puts(&out, "x");
        if (!defect_apply(d, &r, t, text_bytes(&valid), &out)) {
            assert_int_equal(out.len, 1);
            continue;
        }
        applied++;
        struct bytes broken = BYTES(out.data + 1, out.len - 1);
        to_hex(broken, &hex);
        bool as_named = row->times > 0 ? repeats(&regex, text_string(&hex), row->times)
                                       : regexec(&regex, text_string(&hex), 0, NULL, 0) == 0;
        if (row->high > 0)
            as_named = as_named && last_number_within(row, t, broken);
        if (!as_named)
            fail_msg("%s made of %s: %.400s", row->name, row->valid, text_string(&hex));
    }
    if (applied == 0)
        fail_msg("%s never applies to %s", row->name, row->type);
    regfree(&regex);
    text_deinit(&valid);
    text_deinit(&out);
    text_deinit(&hex);
}

static void test_bytes(void **state)
{
    (void)state;
    assert_true(defect_count() >= 60);
    assert_int_equal(defect_count(), ROWS);
    for (size_t i = 0; i < ROWS; i++)
        check_row(&rows[i]);
}

/* Over all kinds of types: what our decoder makes of it, at the root and within. */
static void test_contract(void **state)
{
    (void)state;
    struct random r;
    struct text valid = TEXT_INIT, out = TEXT_INIT;
    random_seed(&r, 2);
    for (size_t i = 0; i < defect_count(); i++) {
        const struct defect *d = defect_at(i);
        int applied = 0;
        for (int n = 0; n < (d->large ? DRAWS_TYPES / 8 : DRAWS_TYPES); n++) {
            const struct pb_type *t = pb_type_at(pool, (size_t)random_below(&r, pb_type_count(pool)));
            if (t->map_entry)
                continue;
            text_clear(&valid);
            text_clear(&out);
            fuzz_generate_small(&r, t, 3, 1000, false, &valid);
            if (!defect_apply(d, &r, t, text_bytes(&valid), &out))
                continue;
            applied++;
            struct error err = ERROR_INIT;
            int code = pb_scan(t->descriptor, text_bytes(&out), &err);
            if (d->decoders == DECODERS_REFUSE && code == 0)
                fail_msg("%s with %s is accepted", t->full_name, d->name);
            if (d->decoders == DECODERS_ACCEPT && code != 0)
                fail_msg("%s with %s is refused: %s", t->full_name, d->name, err.message);
            error_clear(&err);
        }
        if (applied == 0)
            fail_msg("%s never applies", d->name);
    }
    text_deinit(&valid);
    text_deinit(&out);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < defect_count(); i++) {
        const struct defect *d = defect_at(i);
        assert_ptr_equal(defect_find(d->name), d);
        assert_true(strlen(d->summary) > 8);
        /* What must be refused must not be answered OK; INTERNAL is right for nothing. */
        assert_int_equal(defect_status_wrong(d, 0), d->decoders == DECODERS_REFUSE);
        assert_false(defect_status_wrong(d, 3));
        assert_true(defect_status_wrong(d, 13) && defect_status_wrong(d, 2) && defect_status_wrong(d, 15));
        assert_false(defect_status_wrong(d, 16) || defect_status_wrong(d, 14));
        assert_false(defect_status_wrong(d, -1));
    }
    assert_null(defect_at(defect_count()));
    assert_null(defect_find("no-such-defect"));
}

/* All of them are drawn, the large ones too. */
static void test_draw(void **state)
{
    (void)state;
    struct random r;
    struct text valid = TEXT_INIT, out = TEXT_INIT;
    const struct pb_type *t = pb_find_type(pool, "test.all.Tree");
    size_t distinct = 0;
    bool seen[ROWS] = {false};
    random_seed(&r, 3);
    for (int n = 0; n < 12000 && distinct < ROWS; n++) {
        if (n % 10 == 0) {
            text_clear(&valid);
            fuzz_generate_small(&r, t, 4, 1000, false, &valid);
        }
        text_clear(&out);
        const struct defect *d = defect_draw(&r, t, text_bytes(&valid), &out);
        for (size_t i = 0; i < ROWS; i++)
            if (d == defect_at(i) && !seen[i]) {
                seen[i] = true;
                distinct++;
            }
    }
    for (size_t i = 0; i < ROWS; i++)
        if (!seen[i])
            fail_msg("%s was never drawn", defect_at(i)->name);
    text_deinit(&valid);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_draw),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
