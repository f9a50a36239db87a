/* The compiler beside protoc: over the test files and every contract of proto/ the descriptors are the same to the
 * byte, and so is each place with its comments. And its errors, which protoc's do not bind. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "wire/pb.h"
#include "wire/proto/proto.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__SourceCodeInfo__Location location;

static void read_whole(const char *path, struct text *out)
{
    char block[65536];
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s cannot be read", path);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        text_add(out, block, n);
    (void)fclose(f);
}

static int open_below(void *arg, const char *name, struct text *out, const char **shown, struct error *err)
{
    struct text path = TEXT_INIT;
    (void)shown;
    (void)err;
    text_printf(&path, "%s/%s", (const char *)arg, name);
    FILE *f = fopen(text_string(&path), "rb");
    if (f != NULL) {
        (void)fclose(f);
        read_whole(text_string(&path), out);
    }
    text_deinit(&path);
    return f != NULL ? 0 : ERROR_NOT_FOUND;
}

static void same_text(const char *ours, const char *theirs, const char *file, const location *l)
{
    if (strcmp(ours != NULL ? ours : "", theirs != NULL ? theirs : "") != 0)
        fail_msg("%s:%d: comment \"%s\", expected \"%s\"", file, l->span[0] + 1, ours, theirs);
}

static void same_places(const file_proto *ours, const file_proto *theirs)
{
    const Google__Protobuf__SourceCodeInfo *a = ours->source_code_info, *b = theirs->source_code_info;
    for (size_t i = 0; i < a->n_location || i < b->n_location; i++) {
        const location *own = i < a->n_location ? a->location[i] : NULL, *l = i < b->n_location ? b->location[i] : NULL;
        const location *near = l != NULL ? l : own;
        if (own == NULL || l == NULL || own->n_path != l->n_path ||
            (l->n_path > 0 && memcmp(own->path, l->path, l->n_path * sizeof *l->path) != 0) ||
            own->n_span != l->n_span || memcmp(own->span, l->span, l->n_span * sizeof *l->span) != 0)
            fail_msg("%s:%d:%d: place %zu is not protoc's", theirs->name, near->span[0] + 1, near->span[1] + 1, i);
        same_text(own->leading_comments, l->leading_comments, theirs->name, l);
        same_text(own->trailing_comments, l->trailing_comments, theirs->name, l);
        assert_int_equal(own->n_leading_detached_comments, l->n_leading_detached_comments);
        for (size_t k = 0; k < l->n_leading_detached_comments; k++)
            same_text(own->leading_detached_comments[k], l->leading_detached_comments[k], theirs->name, l);
    }
}

static void pack_body(const file_proto *f, struct text *out)
{
    file_proto body = *f;
    body.source_code_info = NULL;
    assert_int_equal(pb_pack(&body.base, out), 0);
}

/* Both sets, unpacked, file by file in the same order. */
static void same_as_protoc(const char *folder, const char *set_path, bool places)
{
    struct text theirs_wire = TEXT_INIT, ours_wire = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *message;
    read_whole(set_path, &theirs_wire);
    assert_int_equal(
        pb_unpack(&google__protobuf__file_descriptor_set__descriptor, text_bytes(&theirs_wire), &arena, &message, NULL),
        0);
    const file_set *theirs = (const file_set *)message;
    const char **names = calloc(theirs->n_file + 1, sizeof *names);
    assert_non_null(names);
    for (size_t i = 0; i < theirs->n_file; i++)
        names[i] = theirs->file[i]->name;
    struct proto_source source = {open_below, (void *)(uintptr_t)folder};
    if (proto_compile(&source, names, &ours_wire, &err) != 0)
        fail_msg("%s:%d:%d: %s", err.file, err.line, err.column, err.message);
    assert_int_equal(
        pb_unpack(&google__protobuf__file_descriptor_set__descriptor, text_bytes(&ours_wire), &arena, &message, NULL),
        0);
    const file_set *ours = (const file_set *)message;
    assert_int_equal(ours->n_file, theirs->n_file);
    for (size_t i = 0; i < theirs->n_file; i++) {
        struct text own = TEXT_INIT, other = TEXT_INIT;
        assert_string_equal(ours->file[i]->name, theirs->file[i]->name);
        pack_body(ours->file[i], &own);
        pack_body(theirs->file[i], &other);
        if (own.len != other.len || memcmp(own.data, other.data, own.len) != 0)
            fail_msg("%s: the descriptors differ", theirs->file[i]->name);
        if (places)
            same_places(ours->file[i], theirs->file[i]);
        text_deinit(&own);
        text_deinit(&other);
    }
    free(names);
    text_deinit(&theirs_wire);
    text_deinit(&ours_wire);
    arena_deinit(&arena);
}

static void test_files_as_protoc_compiles_them(void **state)
{
    (void)state;
    same_as_protoc(TESTDATA, TESTDATA_SET, true);
}

/* The set is of protoc 35.1, for Debian's knows no editions:
 *   protoc -I. --include_imports --include_source_info -oeditions.pb editions_plain.proto */
static void editions_as_protoc_compiles_them(void **state)
{
    (void)state;
    same_as_protoc(TESTDATA, TESTDATA "/editions.pb", true);
}

static void contracts_as_protoc_compiles_them(void **state)
{
    (void)state;
    same_as_protoc(CONTRACTS, CONTRACTS_SET, false);
}

/* ---- errors ---- */

static void refuses(const char *content, const char *expected)
{
    struct text set = TEXT_INIT, told = TEXT_INIT;
    struct error err = ERROR_INIT;
    assert_int_not_equal(proto_compile_text("x.proto", bytes_of(content), &set, &err), 0);
    error_format(&err, &told);
    if (strncmp(text_string(&told), expected, strlen(expected)) != 0)
        fail_msg("of `%s` told %s not %s", content, text_string(&told), expected);
    assert_int_equal(set.len, 0);
    error_clear(&err);
    text_deinit(&told);
    text_deinit(&set);
}

#define P3 "syntax = \"proto3\"; "

static void errors_have_a_place(void **state)
{
    (void)state;
    refuses("syntax = \"proto4\";", "x.proto:1:10: expected syntax \"proto3\" or \"proto2\", got \"proto4\"");
    refuses("edition = \"2024\";", "x.proto:1:11: edition \"2024\" is not implemented here");
    refuses(P3 "\nmessage A {\n  string a = 1\n}", "x.proto:4:1: expected \";\", got \"}\"");
    refuses(P3 "message A { string a = 0; }", "x.proto:1:43: a field's number is at least 1");
    refuses(P3 "message A { string a = 19500; }", "x.proto:1:43: numbers 19000 to 19999");
    refuses(P3 "message A { string a = 536870912; }", "x.proto:1:43: a field's number is at most 536870911");
    refuses(P3 "message A { string a = 1; int32 b = 1; }", "x.proto:1:56: number 1 is field \"a\" already");
    refuses(P3 "message A { reserved 3; int32 b = 3; }", "x.proto:1:54: number 3 is reserved");
    refuses(P3 "message A { reserved \"b\"; int32 b = 3; }", "x.proto:1:56: the name \"b\" is reserved");
    refuses(P3 "message A { string a = 1; string a = 2; }", "x.proto:1:53: \"A.a\" is defined in x.proto:1 already");
    refuses(P3 "message A { string a_b = 1; string aB = 2; }",
            "x.proto:1:60: fields \"a_b\" and \"aB\" are both \"aB\"");
    refuses(P3 "message A { required string a = 1; }", "x.proto:1:32: proto3 has no required fields");
    refuses(P3 "message A { string a = 1 [default = \"x\"]; }", "x.proto:1:39: proto3 has no defaults");
    refuses(P3 "message A { B b = 1; }", "x.proto:1:32: there is no type \"B\"");
    refuses(P3 "package p; message A { q.B b = 1; message B {} }",
            "x.proto:1:43: there is no type \"q.B\" here; did you mean \"p.A.B\" of \"x.proto\"?");
    refuses(P3 "message A { map<double, string> m = 1; }", "x.proto:1:36: a map's key is an integer");
    refuses(P3 "enum E { Z = 0; } message A { map<E, string> m = 1; }", "x.proto:1:54: a map's key");
    refuses(P3 "message A { oneof o { repeated int32 x = 1; } }", "x.proto:1:42: a oneof's fields have no label");
    refuses(P3 "message A { oneof o { } }", "x.proto:1:38: a oneof has at least one field");
    refuses(P3 "enum E { A = 1; }", "x.proto:1:33: in proto3 an enum's first value is 0");
    refuses(P3 "enum E { }", "x.proto:1:25: an enum has at least one value");
    refuses(P3 "enum E { A = 0; B = 0; }", "x.proto:1:25: values \"A\" and \"B\" both have number 0");
    refuses(P3 "enum E { A = 0; } enum F { A = 0; }",
            "x.proto:1:47: \"A\" is defined in line 1 already; an enum's values");
    refuses(P3 "service S { rpc M(E) returns (E); } enum E { A = 0; }", "x.proto:1:38: \"E\" is an enum");
    refuses(P3 "service S { rpc M(int32) returns (X); }", "x.proto:1:38: there is no type \"int32\"");
    refuses(P3 "import \"y.proto\";", "x.proto:1:27: there is no file \"y.proto\" to import");
    refuses(P3 "import \"x.proto\";", "x.proto:1:27: \"x.proto\" imports this file in turn: a circle");
    refuses(P3 "option nothing = 1;", "x.proto:1:27: there is no option \"nothing\" here");
    refuses(P3 "option java_multiple_files = 1;", "x.proto:1:27: option \"java_multiple_files\" is true or false");
    refuses(P3 "option optimize_for = FAST;",
            "x.proto:1:27: option \"optimize_for\" is one of SPEED, CODE_SIZE, LITE_RUNTIME");
    refuses(P3 "message A { string a = 1 [json_name = \"b\\q\"]; }", "x.proto:1:58: this string has an escape that is");
    refuses(P3 "/* no end", "x.proto:1:20: this comment has no end");
    refuses(P3 "message A { string a = \"b", "x.proto:1:43: this string has no end on its line");
    refuses(P3 "message A { int32 a = 08; }", "x.proto:1:42: a number that begins with 0 is octal");
    refuses(P3 "message A { int32 a = 1x; }", "x.proto:1:42: a number and a word need something between");
    refuses(P3 "message A {}\npackage p;", "x.proto:2:1: a package behind what it holds is not implemented here");
    refuses(P3 "message \xff {}", "x.proto:1:28: byte 0xff is no text in UTF-8");
    refuses("message A { int32 a = 1; }", "x.proto:1:13: expected \"optional\", \"required\" or \"repeated\"");
    refuses("message A { optional group a = 1 {} }", "x.proto:1:28: a group's name begins with a capital letter");
    refuses("message A {} extend A { optional int32 x = 1; }", "x.proto:1:21: \"A\" has set aside no range");
    refuses("enum E { A = 0; } message M { optional E e = 1 [default = B]; }", "x.proto:1:40: enum \"E\" has no value");
    refuses("message M { optional int32 e = 1 [default = \"x\"]; }", "x.proto:1:35: the default is no value");
    refuses("message M {", "x.proto:1:12: expected \"}\", got the end of the file");
}

/* What an edition says by features, and where each may stand. */
static void errors_of_editions(void **state)
{
#define E23 "edition = \"2023\"; "
    (void)state;
    refuses(P3 "option features.enum_type = OPEN;", "x.proto:1:27: features are for files with edition = \"2023\"");
    refuses(E23 "message A { optional int32 a = 1; }", "x.proto:1:31: an edition has no label \"optional\"");
    refuses(E23 "message A { required int32 a = 1; }", "x.proto:1:31: an edition has no label \"required\"");
    refuses(E23 "message A { group B = 1 {} }", "x.proto:1:31: an edition has no groups");
    refuses(E23 "message A { reserved \"b\"; }", "x.proto:1:40: expected a name, without quotes");
    refuses(E23 "message A { repeated int32 a = 1 [packed = true]; }",
            "x.proto:1:46: an edition has features.repeated_field_encoding instead of packed");
    refuses(E23 "option features.nothing = OPEN;",
            "x.proto:1:26: \"google.protobuf.FeatureSet\" has no field \"nothing\"");
    refuses(E23 "option features.enum_type = SHUT;",
            "x.proto:1:47: enum \"google.protobuf.FeatureSet.EnumType\" has no value \"SHUT\"");
    refuses(E23 "option features.enum_type = OPEN; option features.enum_type = CLOSED;",
            "x.proto:1:60: option \"enum_type\" is set already");
    refuses(E23 "option features.(pb.cpp).string_type = CORD;", "x.proto:1:26: there is no option (pb.cpp)");
    refuses(E23 "option features.field_presence = LEGACY_REQUIRED;",
            "x.proto:1:1: features.field_presence cannot be LEGACY_REQUIRED for a whole file");
    refuses(E23 "option features.json_format = JSON_FORMAT_UNKNOWN;",
            "x.proto:1:1: features.json_format is to be said, not unknown");
    refuses(E23 "message A { option features.field_presence = IMPLICIT; }",
            "x.proto:1:27: features.field_presence is not for messages");
    refuses(E23 "enum E { option features.utf8_validation = NONE; A = 0; }",
            "x.proto:1:24: features.utf8_validation is not for enums");
    refuses(E23 "message A { int32 a = 1 [features.enum_type = OPEN]; }",
            "x.proto:1:37: features.enum_type is not for fields");
    refuses(E23 "message A { repeated int32 a = 1 [features.field_presence = IMPLICIT]; }",
            "x.proto:1:46: features.field_presence is not for repeated fields");
    refuses(E23 "message A { oneof o { int32 a = 1 [features.field_presence = IMPLICIT]; } }",
            "x.proto:1:47: features.field_presence is not for fields of a oneof");
    refuses(E23 "message A { A a = 1 [features.field_presence = IMPLICIT]; }",
            "x.proto:1:33: features.field_presence cannot be IMPLICIT for messages");
    refuses(E23 "message A { int32 a = 1 [features.repeated_field_encoding = PACKED]; }",
            "x.proto:1:37: features.repeated_field_encoding is for repeated fields");
    refuses(E23 "message A { repeated string a = 1 [features.repeated_field_encoding = PACKED]; }",
            "x.proto:1:47: features.repeated_field_encoding can be PACKED for numbers, bools and enums only");
    refuses(E23 "message A { int32 a = 1 [features.utf8_validation = NONE]; }",
            "x.proto:1:37: features.utf8_validation is for strings");
    refuses(E23 "message A { int32 a = 1 [features.message_encoding = DELIMITED]; }",
            "x.proto:1:37: features.message_encoding is for messages");
    refuses(E23 "message A { int32 a = 1 [default = 1, features.field_presence = IMPLICIT]; }",
            "x.proto:1:37: a field whose presence is IMPLICIT has no default");
    refuses(E23 "message A { E e = 1 [features.field_presence = IMPLICIT]; } enum E { option features.enum_type = "
                "CLOSED; X = 0; }",
            "x.proto:1:33: a field whose presence is IMPLICIT has an open enum");
    refuses(E23 "enum E { A = 1; }", "x.proto:1:24: an open enum's first value is 0");
    refuses(E23 "message A { string a_b = 1; string aB = 2; }",
            "x.proto:1:54: two fields of the message have one name in JSON");
}

static void depth_is_limited(void **state)
{
    (void)state;
    struct text deep = TEXT_INIT;
    for (int i = 0; i < 10000; i++)
        text_puts(&deep, "message A{");
    refuses(text_string(&deep), "x.proto:1:");
    text_deinit(&deep);
}

/* Options of one's own that are wrong: the place, and what would be right. */
static void errors_of_own_options(void **state)
{
#define OWN                                                                                                            \
    P3 "import \"google/protobuf/descriptor.proto\"; message R { int32 a = 1; repeated R b = 2; oneof o { string s = " \
       "3; "                                                                                                           \
       "bytes t = 4; } E e = 5; } enum E { Z = 0; } extend google.protobuf.FieldOptions { int32 n = 50000; R r = "     \
       "50001; bool y = 50002; string t = 50003; float f = 50004; uint32 u = 50005; E e = 50006; repeated R l = "      \
       "50007; }\n"
    (void)state;
    refuses(OWN "message A { int32 a = 1 [(no) = 1]; }", "x.proto:2:26: there is no option (no)");
    refuses(OWN "message A { int32 a = 1 [(r.a) = 1]; }", "x.proto:2:26: there is no option (r.a)");
    refuses(OWN "message A { option (n) = 1; }", "x.proto:2:20: there is no option (n): no file that is imported here");
    refuses(OWN "message A { int32 a = 1 [(n) = \"x\"]; }", "x.proto:2:32: \"n\" is a whole number of 32 bits");
    refuses(OWN "message A { int32 a = 1 [(n) = 2147483648]; }", "x.proto:2:32: \"n\" is a whole number of 32 bits");
    refuses(OWN "message A { int32 a = 1 [(u) = -1]; }",
            "x.proto:2:32: \"u\" is a whole number of 32 bits that is not");
    refuses(OWN "message A { int32 a = 1 [(y) = 1]; }", "x.proto:2:32: \"y\" is true or false");
    refuses(OWN "message A { int32 a = 1 [(t) = t]; }", "x.proto:2:32: \"t\" is a string");
    refuses(OWN "message A { int32 a = 1 [(f) = t]; }", "x.proto:2:32: \"f\" is a number");
    refuses(OWN "message A { int32 a = 1 [(e) = Y]; }", "x.proto:2:32: enum \"E\" has no value \"Y\"");
    refuses(OWN "message A { int32 a = 1 [(e) = 0]; }", "x.proto:2:32: \"e\" is one of its enum's values");
    refuses(OWN "message A { int32 a = 1 [(r) = 1]; }", "x.proto:2:32: \"r\" is a message: { name: value }");
    refuses(OWN "message A { int32 a = 1 [(r).x = 1]; }", "x.proto:2:26: \"R\" has no field \"x\"");
    refuses(OWN "message A { int32 a = 1 [(n).x = 1]; }", "x.proto:2:26: \"n\" is no message");
    refuses(OWN "message A { int32 a = 1 [(r).b.a = 1]; }", "x.proto:2:26: \"b\" is repeated");
    refuses(OWN "message A { int32 a = 1 [(l).a = 1]; }", "x.proto:2:26: \"l\" is repeated");
    refuses(OWN "message A { int32 a = 1 [(n) = 1, (n) = 2]; }", "x.proto:2:35: option \"n\" is set already");
    refuses(OWN "message A { int32 a = 1 [(r).a = 1, (r) = {}]; }", "x.proto:2:37: option \"r\" is set already");
    refuses(OWN "message A { int32 a = 1 [(r) = {c: 1}]; }", "x.proto:2:33: \"R\" has no field \"c\"");
    refuses(OWN "message A { int32 a = 1 [(r) = {a 1}]; }", "x.proto:2:35: expected \":\" after \"a\"");
    refuses(OWN "message A { int32 a = 1 [(r) = {a: 1 a: 2}]; }", "x.proto:2:41: \"a\" is set already");
    refuses(OWN "message A { int32 a = 1 [(r) = {s: \"\" t: \"\"}]; }", "x.proto:2:42: \"s\" and \"t\" are of one");
    refuses(OWN "message A { int32 a = 1 [(r) = {b [{}, 1]}]; }", "x.proto:2:40: \"b\" is a message");
    refuses(OWN "message A { int32 a = 1 [(r) = {b [{} ]]}]; }", "x.proto:2:40: ");
    refuses(OWN "message A { int32 a = 1 [(r) = {[x]: 1}]; }", "x.proto:2:33: \"R\" has no extension \"x\"");
    refuses(OWN "message A { int32 a = 1 [(r) = {[a.b/R] {}}]; }",
            "x.proto:2:33: \"a.b/R\" stands in an Any by itself");
    refuses("import \"google/protobuf/descriptor.proto\"; message R { required int32 a = 1; } extend "
            "google.protobuf.FileOptions { optional R r = 50000; }\noption (r) = {};",
            "x.proto:2:15: \"R\" has to have \"a\"");
    refuses(
        "import \"google/protobuf/descriptor.proto\"; extend google.protobuf.FileOptions { optional group G = 50000 "
        "{ optional int32 x = 1; } }\noption (g).x = 5;",
        "x.proto:2:8: \"g\" is a group: options that are groups are not implemented here");
    struct text deep = TEXT_INIT;
    text_puts(&deep, OWN "message A { int32 a = 1 [(r) = {");
    for (int i = 0; i < 1000; i++)
        text_puts(&deep, "b{");
    for (int i = 0; i < 1000; i++)
        text_puts(&deep, "}");
    text_puts(&deep, "}]; }");
    refuses(text_string(&deep), "x.proto:2:96: an option's value may have 32 levels");
    text_deinit(&deep);
}

/* ---- no memory ---- */

/* A descriptor.proto as small as can be, since every step compiles it. */
static int open_small(void *arg, const char *name, struct text *out, const char **shown, struct error *err)
{
    (void)shown;
    (void)err;
    if (strcmp(name, "x.proto") == 0)
        text_puts(out, arg);
    else if (strcmp(name, "google/protobuf/descriptor.proto") == 0)
        text_puts(out, "package google.protobuf; message MessageOptions { extensions 1000 to max; }");
    else
        return ERROR_NOT_FOUND;
    return 0;
}

static int compile_one(void)
{
    static char content[] =
        "// about\n" P3
        "package a.b; import \"google/protobuf/descriptor.proto\"; extend google.protobuf.MessageOptions { "
        "M own = 50000; repeated string words = 50001; } import \"google/protobuf/empty.proto\"; option java_package = "
        "\"x\" \"y\";\n"
        "message M { optional int32 a_b = 1; // behind\n map<string, M> m = 2 [deprecated = true]; oneof o { M x = 3; "
        "} "
        "option (words) = \"a\"; option (words) = \"b\"; option (own).m = { key: \"k\" value { a_b: 1 } }; "
        "reserved 9, 20 to max; reserved \"z\"; }\n"
        "enum E { Z = 0; } service S { rpc R(M) returns (google.protobuf.Empty); }";
    struct text set = TEXT_INIT;
    struct proto_source source = {open_small, content};
    int code = proto_compile(&source, (const char *const[]){"x.proto", NULL}, &set, NULL);
    text_deinit(&set);
    return code;
}

static int compile_edition(void)
{
    static char content[] = "edition = \"2023\"; option features.enum_type = CLOSED; option features.utf8_validation = "
                            "NONE; option features.field_presence = IMPLICIT; message A { int32 a = 1 "
                            "[features.field_presence = EXPLICIT, default = 2]; } enum E { Z = 1; }";
    struct text set = TEXT_INIT;
    struct proto_source source = {open_small, content};
    int code = proto_compile(&source, (const char *const[]){"x.proto", NULL}, &set, NULL);
    text_deinit(&set);
    return code;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    assert_true(failing_walk(compile_one, FAILING_MAY_BE_BORNE) > 20); /* a hash table does without growing */
    assert_true(failing_walk(compile_edition, FAILING_MAY_BE_BORNE) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_as_protoc_compiles_them),
        cmocka_unit_test(editions_as_protoc_compiles_them),
        cmocka_unit_test(errors_of_editions),
        cmocka_unit_test(contracts_as_protoc_compiles_them),
        cmocka_unit_test(errors_have_a_place),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(errors_of_own_options),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
