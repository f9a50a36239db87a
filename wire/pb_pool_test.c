#include "base/test.h"

#include "wire/pb.h"
#include "wire/pb_wire.h"
#include "wire/testdata/set.h"

#include <stdio.h>

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

static void test_fields(void **state)
{
    (void)state;
    const struct pb_type *t = pb_find_type(pool, "test.all.Scalars");
    assert_non_null(t);
    assert_string_equal(t->name, "Scalars");
    assert_int_equal(t->field_count, 16);
    assert_ptr_equal(t->pool, pool);
    /* The kinds stand in the order of their fields there, but for the last ones. */
    static const enum pb_kind kinds[] = {PB_DOUBLE,   PB_FLOAT,    PB_INT64,  PB_UINT64, PB_INT32,  PB_FIXED64,
                                         PB_FIXED32,  PB_BOOL,     PB_STRING, PB_BYTES,  PB_UINT32, PB_ENUM,
                                         PB_SFIXED32, PB_SFIXED64, PB_SINT32, PB_SINT64};
    for (size_t i = 0; i < 16; i++) {
        const struct pb_field *f = &t->fields[i];
        assert_int_equal(f->kind, kinds[i]);
        assert_int_equal(f->index, i);
        assert_ptr_equal(f->owner, t);
        assert_int_equal(f->oneof, -1);
        assert_false(f->repeated || f->optional || f->map || f->packed);
        assert_int_equal(t->descriptor->fields[i].id, f->number);
        assert_ptr_equal(pb_field_by_number(t, f->number), f);
        assert_ptr_equal(pb_field_by_name(t, f->name), f);
        assert_ptr_equal(pb_field_by_name(t, f->json_name), f);
    }
    assert_int_equal(t->fields[15].number, 536870911);
    assert_null(pb_field_by_number(t, 0));
    assert_null(pb_field_by_number(t, 17));
    assert_null(pb_field_by_name(t, "nope"));
    assert_ptr_equal(t->fields[11].enumeration, pb_find_enum(pool, "test.all.Colour"));

    t = pb_find_type(pool, "test.all.Optionals");
    assert_int_equal(t->oneof_count, 0); /* protoc's synthetic ones are gone */
    for (size_t i = 0; i < t->field_count; i++)
        assert_true(t->fields[i].optional && t->fields[i].oneof == -1);

    t = pb_find_type(pool, "test.all.Lists");
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        bool packed = f->kind != PB_STRING && f->kind != PB_BYTES && f->kind != PB_MESSAGE && f->number != 18;
        assert_true(f->repeated && f->packed == packed);
    }

    t = pb_find_type(pool, "test.all.Maps");
    const struct pb_field *map = pb_field_by_name(t, "byInt64");
    assert_true(map->map && map->repeated && map->kind == PB_MESSAGE && map->message->map_entry);
    assert_string_equal(map->message->full_name, "test.all.Maps.ByInt64Entry");
    assert_ptr_equal(map->message->fields[1].message, pb_find_type(pool, "test.all.Scalars"));

    t = pb_find_type(pool, "test.all.Choice");
    assert_int_equal(t->oneof_count, 2);
    assert_string_equal(t->oneofs[0].name, "choice");
    assert_string_equal(t->oneofs[1].name, "other");
    assert_int_equal(pb_field_by_name(t, "flag")->oneof, 0);
    assert_int_equal(pb_field_by_name(t, "big")->oneof, 1);
    assert_int_equal(pb_field_by_name(t, "loose")->oneof, -1);
}

static void test_names_and_enums(void **state)
{
    (void)state;
    const struct pb_type *t = pb_find_type(pool, "test.all.Names");
    static const char *const json[] = {"plain",     "snakeCaseName",         "Leading",
                                       "trailing",  "doubleUnder",           "with2Digits",
                                       "UpperCase", "Own \"name\" \xc3\xbc", "inner"};
    for (size_t i = 0; i < 9; i++)
        assert_string_equal(t->fields[i].json_name, json[i]);
    const struct pb_enum *e = pb_find_enum(pool, "test.all.Colour");
    assert_int_equal(e->value_count, 5);
    assert_string_equal(e->values[2].name, "COLOUR_CRIMSON");
    assert_string_equal(pb_enum_by_number(e, 1)->name, "COLOUR_RED");
    assert_string_equal(pb_enum_by_number(e, -3)->name, "COLOUR_BELOW");
    assert_null(pb_enum_by_number(e, 2));
    assert_int_equal(pb_enum_by_name(e, "COLOUR_CRIMSON")->number, 1);
    assert_null(pb_enum_by_name(e, "COLOUR"));
    assert_null(pb_enum_by_name(e, "COLOUR_REDD"));
    assert_non_null(pb_find_enum(pool, "test.all.Names.Inner.Kind"));
    assert_null(pb_find_type(pool, "test.all.Colour"));
    assert_null(pb_find_enum(pool, "test.all.Names"));
    /* protobuf-c's own look-ups work on what was built. */
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(pb_find_type(pool, "test.all.Scalars")->descriptor, "f_enum");
    assert_non_null(field);
    assert_string_equal(protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, "COLOUR_CRIMSON")->name,
                        "COLOUR_RED");
    assert_string_equal(protobuf_c_enum_descriptor_get_value(field->descriptor, -3)->name, "COLOUR_BELOW");
    assert_null(protobuf_c_enum_descriptor_get_value(field->descriptor, 2));
}

static void test_services(void **state)
{
    (void)state;
    assert_int_equal(pb_service_count(pool), 1);
    const struct pb_service *s = pb_find_service(pool, "test.all.Store");
    assert_ptr_equal(pb_service_at(pool, 0), s);
    assert_null(pb_service_at(pool, 1));
    assert_string_equal(s->name, "Store");
    assert_string_equal(s->package, "test.all");
    assert_string_equal(s->file, "all.proto");
    assert_int_equal(s->method_count, 4);
    static const bool streams[][2] = {{false, false}, {false, true}, {true, false}, {true, true}};
    for (size_t i = 0; i < 4; i++) {
        const struct pb_method *m = &s->methods[i];
        assert_true(m->client_streaming == streams[i][0] && m->server_streaming == streams[i][1]);
        assert_ptr_equal(m->service, s);
        assert_ptr_equal(pb_find_method(pool, m->path, false), m);
    }
    assert_string_equal(s->methods[3].path, "/test.all.Store/Talk");
    assert_string_equal(s->methods[3].output->full_name, "test.all.Names.Inner");
    assert_null(pb_find_method(pool, "/go.micro.Store/Read", false));
    assert_ptr_equal(pb_find_method(pool, "/go.micro.Store/Read", true), &s->methods[0]);
    assert_ptr_equal(pb_find_method(pool, "/Store/Read", true), &s->methods[0]);
    assert_null(pb_find_method(pool, "/a.MyStore/Read", true));
    assert_null(pb_find_method(pool, "Store/Read", true));
    assert_null(pb_find_method(pool, "/Read", true));
    assert_null(pb_find_method(pool, "", true));
    assert_null(pb_find_method(pool, "/", true));
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(pb_file_count(pool), 10);
    assert_string_equal(pb_file_of_symbol(pool, "test.all.Store"), "all.proto");
    assert_string_equal(pb_file_of_symbol(pool, "test.all.Store.Watch"), "all.proto");
    assert_string_equal(pb_file_of_symbol(pool, "test.all.Names.Inner.Kind"), "all.proto");
    assert_string_equal(pb_file_of_symbol(pool, "test.all.COLOUR_RED"), "all.proto");
    assert_string_equal(pb_file_of_symbol(pool, "test.all.http_path"), "all.proto");
    assert_string_equal(pb_file_of_symbol(pool, "google.protobuf.MethodOptions"), "google/protobuf/descriptor.proto");
    assert_null(pb_file_of_symbol(pool, "test.all"));
    assert_null(pb_file_of_symbol(pool, "nope"));
    const char *const *names;
    size_t n = pb_file_dependencies(pool, "all.proto", &names);
    assert_int_equal(n, 9);
    assert_string_equal(names[0], "shared.proto");
    assert_int_equal(pb_file_dependencies(pool, "nope", &names), 0);
    assert_int_equal(pb_file_proto(pool, "nope").len, 0);
    /* The bytes are those of the set: custom options, unknown to anybody here, are still in. */
    struct bytes proto = pb_file_proto(pool, "all.proto");
    assert_non_null(memmem(proto.data, proto.len, "/read", 5));
    size_t total = 0;
    for (size_t i = 0; i < pb_file_count(pool); i++)
        total += pb_file_proto(pool, pb_file_at(pool, i)).len;
    assert_true(total < test_set().len && total > test_set().len - 10 * pb_file_count(pool));
    /* descriptor.proto is there by name only. */
    assert_null(pb_find_type(pool, "google.protobuf.FieldOptions"));
    for (size_t i = 0; i < pb_type_count(pool); i++)
        assert_ptr_equal(pb_find_type(pool, pb_type_at(pool, i)->full_name), pb_type_at(pool, i));
}

static const void *place(const char *message, const struct pb_type *t, const char *name, bool quantifier)
{
    const ProtobufCFieldDescriptor *d = &t->descriptor->fields[pb_field_by_name(t, name)->index];
    return message + (quantifier ? d->quantifier_offset : d->offset);
}

/* Values written by name are found at the places the dynamic descriptor gives them. */
static void test_layout(void **state)
{
    (void)state;
    static const char json[] =
        "{\"scalars\":{\"fInt64\":\"-5\",\"fString\":\"text\",\"fBytes\":\"AQI=\"},"
        "\"optionals\":{\"fBool\":false,\"fString\":\"\",\"fUint32\":0},"
        "\"lists\":{\"fInt32\":[1,2,3],\"fString\":[\"a\",\"b\"]},\"choice\":{\"text\":\"t\",\"big\":\"7\"}}";
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct text wire = TEXT_INIT, again = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m;
    assert_int_equal(pb_json_to_wire(t, bytes_of(json), 0, &wire, &err), 0);
    assert_int_equal(pb_unpack(t->descriptor, text_bytes(&wire), &arena, &m, &err), 0);
    const char *base = (const char *)m;
#define SUB(name)                       (*(char *const *)place(base, t, name, false))
#define AT(type, sub, of, name)         (*(type const *)place(sub, pb_find_type(pool, of), name, false))
#define QUANTIFIER(type, sub, of, name) (*(type const *)place(sub, pb_find_type(pool, of), name, true))
    const char *scalars = SUB("scalars"), *optionals = SUB("optionals"), *lists = SUB("lists"), *choice = SUB("choice");
    assert_true(AT(int64_t, scalars, "test.all.Scalars", "fInt64") == -5);
    assert_string_equal(AT(char *, scalars, "test.all.Scalars", "fString"), "text");
    assert_int_equal(AT(ProtobufCBinaryData, scalars, "test.all.Scalars", "fBytes").len, 2);
    assert_true(QUANTIFIER(protobuf_c_boolean, optionals, "test.all.Optionals", "fBool"));
    assert_true(QUANTIFIER(protobuf_c_boolean, optionals, "test.all.Optionals", "fUint32"));
    assert_false(QUANTIFIER(protobuf_c_boolean, optionals, "test.all.Optionals", "fInt32"));
    assert_string_equal(AT(char *, optionals, "test.all.Optionals", "fString"), "");
    assert_int_equal(QUANTIFIER(size_t, lists, "test.all.Lists", "fInt32"), 3);
    assert_int_equal(AT(int32_t *, lists, "test.all.Lists", "fInt32")[2], 3);
    assert_int_equal(QUANTIFIER(uint32_t, choice, "test.all.Choice", "text"), 2);
    assert_int_equal(QUANTIFIER(uint32_t, choice, "test.all.Choice", "big"), 9);
    assert_string_equal(AT(char *, choice, "test.all.Choice", "text"), "t");
    assert_int_equal(pb_pack(m, &again), 0);
    assert_true(bytes_equal(text_bytes(&wire), text_bytes(&again)));
    /* An empty message has the defaults of proto3: strings are "", never NULL. */
    assert_int_equal(pb_unpack(pb_find_type(pool, "test.all.Scalars")->descriptor, BYTES_NONE, &arena, &m, &err), 0);
    const char *empty = (const char *)m;
    assert_string_equal(AT(char *, empty, "test.all.Scalars", "fString"), "");
    arena_deinit(&arena);
    text_deinit(&wire);
    text_deinit(&again);
}

/* Each member of a oneof over each other one, twice: the union is shared, and freed by what was in it. */
static void test_oneof_replacement(void **state)
{
    (void)state;
    static const char *const members[] = {"\"number\":1",
                                          "\"text\":\"abc\"",
                                          "\"data\":\"AQI=\"",
                                          "\"message\":{\"fString\":\"x\"}",
                                          "\"colour\":\"COLOUR_BLUE\"",
                                          "\"real\":1.5",
                                          "\"flag\":true",
                                          "\"nothing\":null"};
    const struct pb_type *t = pb_find_type(pool, "test.all.Choice");
    for (size_t i = 0; i < (size_t)8 * 8 * 8; i++) {
        size_t order[] = {i % 8, i / 8 % 8, i / 64};
        struct text wire = TEXT_INIT, last = TEXT_INIT, json = TEXT_INIT;
        for (size_t k = 0; k < 3; k++) {
            char one[64];
            snprintf(one, sizeof one, "{%s}", members[order[k]]);
            assert_int_equal(pb_json_to_wire(t, bytes_of(one), 0, &wire, NULL), 0);
        }
        ProtobufCMessage *m;
        assert_int_equal(pb_unpack(t->descriptor, text_bytes(&wire), NULL, &m, NULL), 0);
        assert_int_equal(pb_to_json(pool, m, 0, &json, NULL), 0);
        text_printf(&last, "{%s}", members[order[2]]);
        assert_string_equal(text_string(&json), text_string(&last));
        protobuf_c_message_free_unpacked(m, NULL);
        text_deinit(&wire);
        text_deinit(&last);
        text_deinit(&json);
    }
}

/* ---- sets that are wrong ----------------------------------------------------------------------------------------- */

/* A message as text: "N:text" a string, "N=number" a varint, "N{ ... }" a message; blanks between. */
static const char *encode(const char *s, struct text *out)
{
    while (*s && *s != '}') {
        uint32_t number = 0;
        while (*s == ' ')
            s++;
        if (!*s || *s == '}')
            break;
        for (; *s >= '0' && *s <= '9'; s++)
            number = number * 10 + (uint32_t)(*s - '0');
        char form = *s++;
        if (form == ':') {
            size_t len = strcspn(s, " }");
            pb_put_bytes(out, number, BYTES(s, len));
            s += len;
        } else if (form == '=') {
            uint64_t value = 0;
            for (; *s >= '0' && *s <= '9'; s++)
                value = value * 10 + (uint64_t)(*s - '0');
            pb_put_tag(out, number, PB_WIRE_VARINT);
            pb_put_varint(out, value);
        } else {
            struct text inner = TEXT_INIT;
            s = encode(s, &inner) + 1;
            pb_put_bytes(out, number, text_bytes(&inner));
            text_deinit(&inner);
        }
    }
    return s;
}

/* Numbers are those of descriptor.proto: FileDescriptorProto 1 name, 2 package, 3 dependency, 4 message, 5 enum,
 * 6 service, 12 syntax; DescriptorProto 1 name, 2 field, 3 nested, 4 enum, 7 options, 8 oneof; FieldDescriptorProto
 * 1 name, 3 number, 4 label, 5 type, 6 type_name, 9 oneof_index, 17 proto3_optional. */
#define IN_FILE(body) "1{1:a.proto 12:proto3 2:p " body "}"
#define MESSAGE(body) IN_FILE("4{1:M " body "}")
#define EDITION(body) "1{1:a.proto 12:editions 14=1000 2:p " body "}"
#define FIELD(body)   MESSAGE("2{1:f 3=1 4=1 " body "}")

static const struct {
    const char *set;
    int code;
    const char *message; /* a part */
} wrong[] = {
    {"", ERROR_INVALID, "holds no files"},
    {"1{}", ERROR_INVALID, "file 1 has no name"},
    {"1{1:a.proto}", 0, NULL},
    {"1{1:a.proto 4{1:M} 6{1:S 2{1:R 2:M 3:M}}}", ERROR_UNSUPPORTED,
     "set: a.proto: syntax is \"proto2\"; only proto3 and editions"},
    {"1{1:a.proto 4{1:M}} 1{1:b.proto 12:proto3 3:a.proto 4{1:N 2{1:f 3=1 4=1 5=11 6:.M}}}", ERROR_UNSUPPORTED,
     "b.proto: N.f refers to M, which is proto2: only options may do so"},
    {"1{1:a.proto 4{1:M} 5{1:E 2{1:A 2=1}}} 1{1:b.proto 12:proto3 3:a.proto 4{1:N}}", 0, NULL},
    {"1{1:a.proto 12:editions}", ERROR_UNSUPPORTED, "syntax is \"editions\""},
    {"1{1:a.proto 12:editions 14=1002}", ERROR_UNSUPPORTED, "syntax is \"editions\""},
    {"1{1:a.proto 14=1000}", 0, NULL}, /* an edition without the word is proto2 */
    {EDITION("5{1:E 2{1:A 2=0} 3{7{2=2}}}"), ERROR_UNSUPPORTED, "p.E: closed enums are not supported"},
    {EDITION("8{50{2=2}} 5{1:E 2{1:A 2=0}}"), ERROR_UNSUPPORTED, "p.E: closed enums"},
    {EDITION("4{1:M 7{12{2=2}} 4{1:E 2{1:A 2=0}}}"), ERROR_UNSUPPORTED, "p.M.E: closed enums"},
    {EDITION("4{1:M 7{12{2=2}} 4{1:E 2{1:A 2=0} 3{7{2=1}}}}"), 0, NULL},
    {EDITION("4{1:M 2{1:f 3=1 4=1 5=11 6:.p.M 8{21{5=2}}}}"), ERROR_UNSUPPORTED, "p.M.f: groups are not supported"},
    {EDITION("4{1:M 2{1:f 3=1 4=1 5=9 7:hello}}"), 0, NULL},
    {EDITION("4{1:M 2{1:f 3=1 4=1 5=9 8{21{1=3}}}}"), 0, NULL},
    {"1{1:a.proto 12:proto3} 1{1:a.proto 12:proto3 2:q}", ERROR_EXISTS, "\"a.proto\" is there twice"},
    {"1{1:a.proto 12:proto3 3:b.proto}", ERROR_NOT_FOUND, "imports \"b.proto\", which is not in the set"},
    {"1{1:a.proto 12:proto3 3:a.proto}", ERROR_INVALID, "circle"},
    {"1{1:c.proto 12:proto3 3:a.proto} 1{1:a.proto 12:proto3 3:b.proto} 1{1:b.proto 12:proto3 3:a.proto}",
     ERROR_INVALID, "circle"},
    {"1{1:a.proto 12:proto3 10=0}", ERROR_INVALID, "public import 0 of 0"},
    {"1{1:a.proto 12:proto3 2:a..b}", ERROR_INVALID, "is no package name"},
    {"1{1:a.proto 12:proto3 2:1a}", ERROR_INVALID, "is no package name"},
    {IN_FILE("4{}"), ERROR_INVALID, "a message in \"p\" has the name \"\""},
    {IN_FILE("4{1:a-b}"), ERROR_INVALID, "which is no identifier"},
    {IN_FILE("4{1:M} 4{1:M}"), ERROR_EXISTS, "p.M is defined twice: it is already a message in a.proto"},
    {IN_FILE("4{1:M} 6{1:M}"), ERROR_EXISTS, "p.M is defined twice"},
    {IN_FILE("4{1:M}") " 1{1:b.proto 12:proto3 2:p.M}", ERROR_EXISTS, "already a message"},
    {IN_FILE("5{1:E}"), ERROR_INVALID, "first value of an enum must be 0"},
    {IN_FILE("5{1:E 2{1:A 2=1}}"), ERROR_INVALID, "first value"},
    {IN_FILE("5{1:E 2{1:A 2=0} 2{1:B 2=0}}"), ERROR_EXISTS, "A and B share the number 0"},
    {IN_FILE("5{1:E 2{1:A 2=0} 2{1:A 2=1}}"), ERROR_EXISTS, "p.A is defined twice"},
    {FIELD("5=5") " ", 0, NULL},
    {FIELD("5=10"), ERROR_UNSUPPORTED, "p.M.f: groups are not supported"},
    {FIELD("5=19"), ERROR_INVALID, "unknown field type"},
    {FIELD(""), ERROR_INVALID, "p.M.f names no type"},
    {FIELD("5=11 6:.p.N"), ERROR_NOT_FOUND, "refers to the unknown type \".p.N\""},
    {FIELD("5=11 6:M"), 0, NULL},
    {FIELD("6:p.M"), 0, NULL},
    {FIELD("5=14 6:M"), ERROR_INVALID, "p.M is no enum"},
    {FIELD("5=5 7:3"), ERROR_INVALID, "no default values"},
    {FIELD("5=5 9=0"), ERROR_INVALID, "oneof index 0 is out of range"},
    {FIELD("5=5 17=1"), ERROR_INVALID, "proto3 optional needs"},
    {MESSAGE("2{1:f 3=0 4=1 5=5}"), ERROR_INVALID, "from 1 to 536870911"},
    {MESSAGE("2{1:f 3=536870912 4=1 5=5}"), ERROR_INVALID, "from 1 to 536870911"},
    {MESSAGE("2{1:f 3=19500 4=1 5=5}"), ERROR_INVALID, "reserved"},
    {MESSAGE("2{1:f 3=1 4=2 5=5}"), ERROR_INVALID, "no required fields"},
    {MESSAGE("2{1:f 3=1 4=1 5=5} 2{1:g 3=1 4=1 5=5}"), ERROR_EXISTS, "share the number 1"},
    {MESSAGE("2{1:f 3=1 4=1 5=5} 2{1:f 3=2 4=1 5=5}"), ERROR_EXISTS, "two fields are called f"},
    {MESSAGE("2{1:a_b 3=1 4=1 5=5} 2{1:aB 3=2 4=1 5=5}"), ERROR_EXISTS, "share the JSON name aB"},
    {MESSAGE("2{1:f 3=1 4=3 5=5 9=0} 8{1:o}"), ERROR_INVALID, "a repeated field cannot be in a oneof"},
    {MESSAGE("2{1:f 3=1 4=1 5=5} 8{1:o}"), ERROR_INVALID, "oneof \"o\" needs a name and a field"},
    {MESSAGE("2{1:f 3=1 4=1 5=5 9=0 17=1} 2{1:g 3=2 4=1 5=5 9=0} 8{1:o}"), ERROR_INVALID, "and other fields"},
    {MESSAGE("5{1=100 2=200}"), ERROR_INVALID, "cannot be extended"},
    {MESSAGE("2{1:f 3=1 4=1 5=11 6:.p.M.E} 3{1:E 7{7=1} 2{1:key 3=1 4=1 5=9} 2{1:value 3=2 4=1 5=5}}"), ERROR_INVALID,
     "own map field only"},
    {MESSAGE("2{1:f 3=1 4=3 5=11 6:.p.M.E} 3{1:E 7{7=1} 2{1:key 3=1 4=1 5=9} 2{1:value 3=2 4=1 5=5}}"), 0, NULL},
    {MESSAGE("2{1:f 3=1 4=3 5=11 6:.p.M.E} 3{1:E 7{7=1} 2{1:key 3=1 4=1 5=1} 2{1:value 3=2 4=1 5=5}}"), ERROR_INVALID,
     "a map key is"},
    {MESSAGE("3{1:E 7{7=1} 2{1:key 3=1 4=1 5=9}}"), ERROR_INVALID, "a key 1 and a value 2"},
    {IN_FILE("4{1:M 7{7=1}}"), ERROR_INVALID, "a key 1 and a value 2"},
    {IN_FILE("6{1:S 2{1:R}}"), ERROR_INVALID, "p.S.R names no type"},
    {IN_FILE("5{1:E 2{1:A 2=0}} 6{1:S 2{1:R 2:.p.E 3:.p.E}}"), ERROR_INVALID, "p.S.R: p.E is no message"},
    {IN_FILE("4{1:M} 6{1:S 2{1:R 2:M 3:M} 2{1:R 2:M 3:M}}"), ERROR_EXISTS, "p.S.R is defined twice"},
    {IN_FILE("4{1:M}") " 1{1:b.proto 12:proto3 2:q 4{1:N 2{1:f 3=1 4=1 5=11 6:.p.M}}}", ERROR_INVALID,
     "refers to p.M of a.proto, which is not imported"},
    {IN_FILE("4{1:M}") " 1{1:c.proto 12:proto3 3:a.proto} 1{1:b.proto 12:proto3 3:c.proto 2:q 4{1:N 2{1:f 3=1 4=1 5=11 "
                       "6:.p.M}}}",
     ERROR_INVALID, "which is not imported"},
    {IN_FILE("4{1:M}") " 1{1:c.proto 12:proto3 3:a.proto 10=0} 1{1:b.proto 12:proto3 3:c.proto 2:q 4{1:N 2{1:f 3=1 4=1 "
                       "5=11 6:.p.M}}}",
     0, NULL},
    /* Messages of all files are resolved before the first service, whose file was looked at last before that. */
    {IN_FILE(
         "4{1:M}") " 1{1:b.proto 12:proto3 2:q 3:a.proto 4{1:N 2{1:f 3=1 4=1 5=11 6:.p.M}} 6{1:S 2{1:R 2:.p.M 3:.p.M}}}"
                   " 1{1:c.proto 12:proto3 2:r 3:a.proto 4{1:N 2{1:f 3=1 4=1 5=11 6:.p.M}}}",
     0, NULL},
    {"1{1:a.proto 12:proto3 2:google.protobuf 4{1:Timestamp 2{1:seconds 3=1 4=1 5=5}}}", ERROR_INVALID,
     "does not have the fields of the well-known type"},
    {"1{1:google/protobuf/descriptor.proto 2:google.protobuf 4{1:FileOptions}} 1{1:a.proto 12:proto3 "
     "3:google/protobuf/descriptor.proto 4{1:M 2{1:f 3=1 4=1 5=11 6:.google.protobuf.FileOptions}}}",
     ERROR_UNSUPPORTED, "which is proto2"},
};

static void test_wrong_sets(void **state)
{
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text set = TEXT_INIT;
        encode(wrong[i].set, &set);
        struct pb_pool *p;
        struct error err = ERROR_INIT;
        int rc = pb_pool_new(text_bytes(&set), "set", &p, &err);
        if (rc != wrong[i].code || (rc && !strstr(err.message, wrong[i].message))) {
            print_error("%s: %d %s\n", wrong[i].set, rc, rc ? err.message : "accepted");
            failures++;
        }
        assert_true((p != NULL) == (rc == 0));
        pb_pool_free(p);
        assert_int_equal(pb_pool_new(text_bytes(&set), "set", &p, NULL), rc);
        pb_pool_free(p);
        error_clear(&err);
        text_deinit(&set);
    }
    assert_int_equal(failures, 0);
    struct pb_pool *p;
    struct error err = ERROR_INIT;
    assert_int_equal(pb_pool_new(bytes_of("not a set"), "notes.txt", &p, &err), ERROR_SYNTAX);
    assert_non_null(strstr(err.message, "notes.txt: not a descriptor set: google.protobuf.FileDescriptorSet"));
    error_clear(&err);
}

/* Two sets with the same imports, one behind the other, as `cat` would put them; and names without json_name. */
static void test_joined(void **state)
{
    (void)state;
    struct text set = TEXT_INIT;
    text_add(&set, test_set().data, test_set().len);
    text_add(&set, test_set().data, test_set().len);
    encode("1{1:more.proto 12:proto3 2:more 4{1:M 2{1:_a_b_2c_ 3=1 4=1 5=5} 2{1:D_e 3=2 4=1 5=5}}}", &set);
    struct pb_pool *p;
    assert_int_equal(pb_pool_new(text_bytes(&set), "joined", &p, NULL), 0);
    assert_int_equal(pb_file_count(p), pb_file_count(pool) + 1);
    const struct pb_type *t = pb_find_type(p, "more.M");
    assert_string_equal(t->fields[0].json_name, "AB2c");
    assert_string_equal(t->fields[1].json_name, "DE");
    pb_pool_free(p);
    text_deinit(&set);
}

/* What editions say by features, proto3 says by labels: presence and packing, here of the file, a message and a field.
 */
static void test_editions(void **state)
{
    static const struct {
        const char *field;
        bool optional, packed;
    } cases[] = {
        {"4=1 5=5", true, false},
        {"4=1 5=5 8{21{1=2}}", false, false},
        {"4=1 5=5 8{21{1=3}}", true, false},
        {"4=1 5=11 6:.p.M", false, false},
        {"4=3 5=5", false, true},
        {"4=3 5=5 8{21{3=2}}", false, false},
        {"4=3 5=9", false, false},
        {"4=1 5=5 9=0", false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int implicit = 0; implicit < 3; implicit++) { /* nowhere, in the file, in the message above */
            struct text description = TEXT_INIT, set = TEXT_INIT;
            struct pb_pool *p;
            text_printf(&description, EDITION("%s 4{1:M %s 3{1:N 8{1:o} 2{1:x 3=9 4=1 5=5 9=0} 2{1:f 3=1 %s}}}"),
                        implicit == 1 ? "8{50{1=2}}" : "", implicit == 2 ? "7{12{1=2}}" : "", cases[i].field);
            encode(text_string(&description), &set);
            assert_int_equal(pb_pool_new(text_bytes(&set), "set", &p, NULL), 0);
            const struct pb_field *f = &pb_find_type(p, "p.M.N")->fields[0];
            bool says = strstr(cases[i].field, "21{1=") != NULL;
            assert_int_equal(f->optional, cases[i].optional && (implicit == 0 || says));
            assert_int_equal(f->packed, cases[i].packed);
            pb_pool_free(p);
            text_deinit(&description);
            text_deinit(&set);
        }
}

/* More fields than the JSON reader keeps presence bits for on its stack. */
static void test_wide(void **state)
{
    (void)state;
    struct text description = TEXT_INIT, set = TEXT_INIT, json = TEXT_INIT, wire = TEXT_INIT, back = TEXT_INIT;
    text_puts(&description, "1{1:w.proto 12:proto3 4{1:W ");
    text_char(&json, '{');
    for (int i = 1; i <= 2000; i++) {
        text_printf(&description, "2{1:f%d 3=%d 4=1 5=5}", i, i * 3);
        text_printf(&json, "%s\"f%d\":%d", i > 1 ? "," : "", i, i);
    }
    text_puts(&description, "}}");
    encode(text_string(&description), &set);
    struct pb_pool *p;
    assert_int_equal(pb_pool_new(text_bytes(&set), "wide", &p, NULL), 0);
    const struct pb_type *t = pb_find_type(p, "W");
    text_char(&json, '}');
    assert_int_equal(pb_json_to_wire(t, text_bytes(&json), 0, &wire, NULL), 0);
    assert_int_equal(pb_wire_to_json(t, text_bytes(&wire), 0, &back, NULL), 0);
    assert_true(bytes_equal(text_bytes(&json), text_bytes(&back)));
    text_truncate(&json, json.len - 1);
    text_puts(&json, ",\"f1\":2}");
    assert_int_equal(pb_json_to_wire(t, text_bytes(&json), 0, &wire, NULL), ERROR_INVALID);
    pb_pool_free(p);
    text_deinit(&description);
    text_deinit(&set);
    text_deinit(&json);
    text_deinit(&wire);
    text_deinit(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),     cmocka_unit_test(test_names_and_enums),
        cmocka_unit_test(test_services),   cmocka_unit_test(test_files),
        cmocka_unit_test(test_layout),     cmocka_unit_test(test_oneof_replacement),
        cmocka_unit_test(test_wrong_sets), cmocka_unit_test(test_joined),
        cmocka_unit_test(test_wide),       cmocka_unit_test(test_editions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
