/* A file's messages and enums: x.pb-c.h and x.pb-c.c, with the layout libprotobuf-c works on. */
#include "fakes/generate/messages.h"

#include <string.h>

static void write_member(const struct field *f, struct text *out, const char *indent)
{
    int type = (int)f->proto->type;
    const char *star = type == TYPE(STRING) || type == TYPE(MESSAGE) ? "*" : "";
    if (f->presence == REPEATED)
        text_printf(out, "%ssize_t n_%s;\n%s%s *%s%s;\n", indent, f->member, indent, field_c_type(f), star, f->member);
    else if (f->presence == OPTIONAL && *star == '\0')
        text_printf(out, "%sprotobuf_c_boolean has_%s;\n%s%s %s;\n", indent, f->member, indent, field_c_type(f),
                    f->member);
    else
        text_printf(out, "%s%s %s%s;\n", indent, field_c_type(f), star, f->member);
}

static bool is_member_of(const struct field *f, size_t oneof)
{
    return f->presence == MEMBER && (size_t)f->proto->oneof_index == oneof;
}

static int write_case(const struct message *m, size_t oneof, struct text *out)
{
    const struct oneof *o = &m->oneofs[oneof];
    text_printf(out, "typedef enum {\n    %s__NOT_SET = 0", o->upper);
    for (size_t i = 0; i < m->count; i++) {
        if (!is_member_of(&m->fields[i], oneof))
            continue;
        const char *upper = name_upper(&m->g->arena, m->fields[i].proto->name);
        if (upper == NULL)
            return gen_no_memory(m->g);
        text_printf(out, ",\n    %s_%s = %d", o->upper, upper, m->fields[i].proto->number);
    }
    text_printf(out, " PROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(%s__CASE)\n} %sCase;\n\n", o->upper, o->c);
    return 0;
}

static int write_struct(struct message *m, struct output *out)
{
    struct text *to = &out->structs;
    size_t oneofs = m->type->message->n_oneof_decl;
    int code = 0;
    for (size_t i = 0; i < oneofs && code == 0; i++)
        if (m->oneofs[i].any)
            code = write_case(m, i, to);
    text_printf(to, "struct %s {\n    ProtobufCMessage base;\n", m->type->c);
    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].presence != MEMBER)
            write_member(&m->fields[i], to, "    ");
    for (size_t i = 0; i < oneofs; i++) {
        if (!m->oneofs[i].any)
            continue;
        text_printf(to, "    %sCase %s_case;\n    union {\n", m->oneofs[i].c, m->oneofs[i].member);
        for (size_t k = 0; k < m->count; k++)
            if (is_member_of(&m->fields[k], i))
                write_member(&m->fields[k], to, "        ");
        text_puts(to, "    };\n");
    }
    text_puts(to, "};\n");
    for (size_t i = 0; i < m->count && code == 0; i++)
        code = write_default(m, &m->fields[i], out);
    text_printf(to, "#define %s__INIT \\\n    { PROTOBUF_C_MESSAGE_INIT(&%s__descriptor)", m->type->upper,
                m->type->lower);
    for (size_t i = 0; i < m->count; i++)
        if (m->fields[i].presence != MEMBER)
            write_initial(&m->fields[i], to);
    for (size_t i = 0; i < oneofs; i++) {
        bool first_is_run = false, found = false;
        for (size_t k = 0; k < m->count && !found; k++)
            if (is_member_of(&m->fields[k], i)) {
                found = true;
                first_is_run = m->fields[k].proto->type == TYPE(BYTES);
            }
        if (found)
            text_printf(to, ", %s__NOT_SET, %s", m->oneofs[i].upper, first_is_run ? "{{0, NULL}}" : "{0}");
    }
    text_puts(to, " }\n\n");
    return code;
}

/* ---- functions and descriptors ---------------------------------------------------------------------------------- */

static void write_functions(const struct message *m, struct output *o)
{
    const struct var vars[] = {{"C", m->type->c}, {"l", m->type->lower}, {"U", m->type->upper}, {NULL, NULL}};
    emit(&o->functions, vars,
         "void $l$__init($C$ *message);\n"
         "size_t $l$__get_packed_size(const $C$ *message);\n"
         "size_t $l$__pack(const $C$ *message, uint8_t *out);\n"
         "size_t $l$__pack_to_buffer(const $C$ *message, ProtobufCBuffer *buffer);\n"
         "$C$ *$l$__unpack(ProtobufCAllocator *allocator, size_t len, const uint8_t *data);\n"
         "void $l$__free_unpacked($C$ *message, ProtobufCAllocator *allocator);\n\n");
    emit(&o->closures, vars, "typedef void (*$C$_Closure)(const $C$ *message, void *closure_data);\n");
    emit(&o->source, vars,
         "void $l$__init($C$ *message)\n"
         "{\n"
         "    static const $C$ fresh = $U$__INIT;\n"
         "    *message = fresh;\n"
         "}\n\n"
         "size_t $l$__get_packed_size(const $C$ *message)\n"
         "{\n"
         "    return protobuf_c_message_get_packed_size(&message->base);\n"
         "}\n\n"
         "size_t $l$__pack(const $C$ *message, uint8_t *out)\n"
         "{\n"
         "    return protobuf_c_message_pack(&message->base, out);\n"
         "}\n\n"
         "size_t $l$__pack_to_buffer(const $C$ *message, ProtobufCBuffer *buffer)\n"
         "{\n"
         "    return protobuf_c_message_pack_to_buffer(&message->base, buffer);\n"
         "}\n\n"
         "$C$ *$l$__unpack(ProtobufCAllocator *allocator, size_t len, const uint8_t *data)\n"
         "{\n"
         "    return ($C$ *)(void *)protobuf_c_message_unpack(&$l$__descriptor, allocator, len, data);\n"
         "}\n\n"
         "void $l$__free_unpacked($C$ *message, ProtobufCAllocator *allocator)\n"
         "{\n"
         "    if (message != NULL)\n"
         "        protobuf_c_message_free_unpacked(&message->base, allocator);\n"
         "}\n\n");
}

static bool is_packed(const struct message *m, const field_proto *p)
{
    if (p->label != LABEL(REPEATED) || !field_is_number((int)p->type))
        return false;
    return p->options != NULL && p->options->has_packed ? p->options->packed : m->file->proto3;
}

static const char *type_word(int type)
{
    static const char *const words[] = {
        [TYPE(DOUBLE)] = "DOUBLE",   [TYPE(FLOAT)] = "FLOAT",       [TYPE(INT64)] = "INT64",
        [TYPE(UINT64)] = "UINT64",   [TYPE(INT32)] = "INT32",       [TYPE(FIXED64)] = "FIXED64",
        [TYPE(FIXED32)] = "FIXED32", [TYPE(BOOL)] = "BOOL",         [TYPE(STRING)] = "STRING",
        [TYPE(MESSAGE)] = "MESSAGE", [TYPE(BYTES)] = "BYTES",       [TYPE(UINT32)] = "UINT32",
        [TYPE(ENUM)] = "ENUM",       [TYPE(SFIXED32)] = "SFIXED32", [TYPE(SFIXED64)] = "SFIXED64",
        [TYPE(SINT32)] = "SINT32",   [TYPE(SINT64)] = "SINT64",
    };
    return words[type];
}

static void write_field_descriptor(const struct message *m, const struct field *f, struct text *out)
{
    static const char *const labels[] = {
        [PLAIN] = "NONE", [OPTIONAL] = "OPTIONAL", [REQUIRED] = "REQUIRED", [REPEATED] = "REPEATED", [MEMBER] = "NONE"};
    const field_proto *p = f->proto;
    int type = (int)p->type;
    /* A oneof of proto2 has no bare values either way: protobuf-c goes by the case. */
    const char *label = f->presence == MEMBER && !m->file->proto3 ? "OPTIONAL" : labels[f->presence];
    text_printf(out, "    {\"%s\", %d, PROTOBUF_C_LABEL_%s, PROTOBUF_C_TYPE_%s, ", p->name, p->number, label,
                type_word(type));
    if (f->presence == REPEATED)
        text_printf(out, "offsetof(%s, n_%s), ", m->type->c, f->member);
    else if (f->presence == MEMBER)
        text_printf(out, "offsetof(%s, %s_case), ", m->type->c, m->oneofs[p->oneof_index].member);
    else if (f->presence == OPTIONAL && type != TYPE(STRING) && type != TYPE(MESSAGE))
        text_printf(out, "offsetof(%s, has_%s), ", m->type->c, f->member);
    else
        text_puts(out, "0, ");
    text_printf(out, "offsetof(%s, %s), ", m->type->c, f->member);
    if (f->type != NULL)
        text_printf(out, "&%s__descriptor, ", f->type->lower);
    else
        text_puts(out, "NULL, ");
    if (f->default_name != NULL)
        text_printf(out, "&%s, ", f->default_name);
    else if (type == TYPE(STRING) && f->presence == PLAIN)
        text_puts(out, "&protobuf_c_empty_string, ");
    else
        text_puts(out, "NULL, ");
    bool deprecated = p->options != NULL && p->options->deprecated;
    text_printf(out, "0%s%s%s, 0, NULL, NULL},\n", is_packed(m, p) ? " | PROTOBUF_C_FIELD_FLAG_PACKED" : "",
                deprecated ? " | PROTOBUF_C_FIELD_FLAG_DEPRECATED" : "",
                f->presence == MEMBER ? " | PROTOBUF_C_FIELD_FLAG_ONEOF" : "");
}

static int32_t field_number(const void *arg, size_t i)
{
    const struct message *m = arg;
    return m->fields[m->by_number[i]].proto->number;
}

static int write_message_descriptor(const struct message *m, struct output *o)
{
    struct text *out = &o->source;
    const char *package = m->file->proto->package != NULL ? m->file->proto->package : "";
    const char *lower = m->type->lower, *short_name = name_c(&m->g->arena, m->type->message->name);
    char *ranges = arena_printf(&m->g->arena, "%s__number_ranges", lower);
    size_t runs = 0;
    if (short_name == NULL || ranges == NULL)
        return gen_no_memory(m->g);
    if (m->count > 0) {
        text_printf(out, "static const ProtobufCFieldDescriptor %s__field_descriptors[%zu] = {\n", lower, m->count);
        for (size_t i = 0; i < m->count; i++)
            write_field_descriptor(m, &m->fields[m->by_number[i]], out);
        text_printf(out, "};\nstatic const unsigned %s__field_indices_by_name[] = {\n", lower);
        for (size_t i = 0; i < m->count; i++)
            text_printf(out, "    %zu,\n", m->by_name[i]);
        text_puts(out, "};\n");
        runs = write_ranges(out, ranges, m->count, field_number, m);
    }
    text_printf(out,
                "const ProtobufCMessageDescriptor %s__descriptor = {\n"
                "    PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, \"%s\", \"%s\", \"%s\", \"%s\", sizeof(%s), %zu,\n",
                lower, m->type->full_name, short_name, m->type->c, package, m->type->c, m->count);
    if (m->count > 0)
        text_printf(out, "    %s__field_descriptors, %s__field_indices_by_name, %zu, %s,\n", lower, lower, runs,
                    ranges);
    else
        text_puts(out, "    NULL, NULL, 0, NULL,\n");
    text_printf(out, "    (ProtobufCMessageInit)(void (*)(void))%s__init, NULL, NULL, NULL\n};\n\n", lower);
    return 0;
}

/* Nested ones first: a struct may hold another's enum. */
static int write_message(struct output *o, const char *scope, const message_proto *p);

static int write_nested(struct output *o, const char *dotted, const message_proto *p)
{
    int code = 0;
    for (size_t i = 0; i < p->n_enum_type && code == 0; i++)
        code = write_enum(o, dotted, p->enum_type[i]);
    for (size_t i = 0; i < p->n_nested_type && code == 0; i++)
        code = write_message(o, dotted, p->nested_type[i]);
    return code;
}

static int write_message(struct output *o, const char *scope, const message_proto *p)
{
    char *dotted = arena_printf(&o->g->arena, "%s.%s", scope, p->name);
    if (dotted == NULL)
        return gen_no_memory(o->g);
    struct message m = {.g = o->g, .file = o->file, .type = gen_type(o->g, dotted)};
    int code = write_nested(o, dotted, p);
    if (code == 0)
        code = message_look_at(&m);
    if (code != 0)
        return code;
    text_printf(&o->typedefs, "typedef struct %s %s;\n", m.type->c, m.type->c);
    text_printf(&o->descriptors, "extern const ProtobufCMessageDescriptor %s__descriptor;\n", m.type->lower);
    code = write_struct(&m, o);
    write_functions(&m, o);
    return code == 0 ? write_message_descriptor(&m, o) : code;
}

/* ---- services --------------------------------------------------------------------------------------------------- */

static void write_service_type(struct output *o, const struct gen_file *f, const service_proto *s,
                               const struct gen_type *const *inputs, const struct gen_type *const *outputs)
{
    struct arena *a = &o->g->arena;
    const char *package = f->proto->package != NULL ? f->proto->package : "";
    char *full_name = arena_printf(a, "%s%s%s", package, package[0] != '\0' ? "." : "", s->name);
    const char *source = full_name != NULL ? gen_c_source(o->g, f, full_name) : NULL;
    const char *c = source != NULL ? name_c(a, source) : NULL;
    const char *lower = source != NULL ? name_lower(a, source) : NULL;
    if (c == NULL || lower == NULL) {
        o->source.failed = true;
        return;
    }
    text_printf(&o->descriptors, "extern const ProtobufCServiceDescriptor %s__descriptor;\n", lower);
    text_printf(&o->source, "static const ProtobufCMethodDescriptor %s__method_descriptors[] = {\n", lower);
    for (size_t i = 0; i < s->n_method; i++)
        text_printf(&o->source, "    {\"%s\", &%s__descriptor, &%s__descriptor},\n", s->method[i]->name,
                    inputs[i]->lower, outputs[i]->lower);
    if (s->n_method == 0)
        text_puts(&o->source, "    {NULL, NULL, NULL},\n");
    text_printf(&o->source, "};\nstatic const unsigned %s__method_indices_by_name[] = {\n", lower);
    struct value_name *names = ARENA_NEW_N(a, struct value_name, s->n_method + 1);
    if (names == NULL)
        o->source.failed = true;
    for (size_t i = 0; names != NULL && i < s->n_method; i++)
        names[i] = (struct value_name){s->method[i]->name, i};
    if (names != NULL)
        value_names_sort(names, s->n_method);
    for (size_t i = 0; names != NULL && i < s->n_method; i++)
        text_printf(&o->source, "    %zu,\n", names[i].index);
    if (s->n_method == 0)
        text_puts(&o->source, "    0,\n");
    text_printf(&o->source,
                "};\nconst ProtobufCServiceDescriptor %s__descriptor = {\n"
                "    PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC, \"%s\", \"%s\", \"%s\", \"%s\", %zu,\n"
                "    %s__method_descriptors, %s__method_indices_by_name\n};\n\n",
                lower, full_name, s->name, c, package, s->n_method, lower, lower);
}

/* How protobuf-c's clients call: a function for each method, given any service of the type. */
static int write_callers(struct output *o, const service_proto *s, const struct gen_type *const *inputs,
                         const struct gen_type *const *outputs)
{
    static const char *const alone[] = {"", NULL};
    struct generator *g = o->g;
    const char *package = o->file->proto->package != NULL ? o->file->proto->package : "";
    char *full_name = arena_printf(&g->arena, "%s%s%s", package, package[0] != '\0' ? "." : "", s->name);
    const char *source = full_name != NULL ? gen_c_source(g, o->file, full_name) : NULL;
    const char *lower = source != NULL ? name_lower(&g->arena, source) : NULL;
    for (size_t i = 0; lower != NULL && i < s->n_method; i++) {
        const char *snake = name_snake(&g->arena, s->method[i]->name), *number = arena_printf(&g->arena, "%zu", i);
        char *name = snake != NULL ? arena_printf(&g->arena, "%s__%s", lower, snake) : NULL;
        const char *unique = name != NULL ? name_unique(g, &g->c_names, name, alone) : NULL;
        if (unique == NULL || number == NULL)
            return gen_no_memory(g);
        const struct var vars[] = {
            {"name", unique}, {"in", inputs[i]->c}, {"out", outputs[i]->c}, {"number", number}, {NULL, NULL}};
        emit(&o->closures, vars,
             "void $name$(ProtobufCService *service, const $in$ *input, $out$_Closure closure, void *closure_data);\n");
        emit(&o->source, vars,
             "void $name$(ProtobufCService *service, const $in$ *input, $out$_Closure closure, void *closure_data)\n"
             "{\n"
             "    service->invoke(service, $number$, &input->base, (ProtobufCClosure)(void (*)(void))closure, "
             "closure_data);\n"
             "}\n\n");
    }
    return lower != NULL ? 0 : gen_no_memory(g);
}

static int write_service(struct output *o, const service_proto *s)
{
    struct generator *g = o->g;
    const struct gen_type **inputs = ARENA_NEW_N(&g->arena, const struct gen_type *, s->n_method + 1);
    const struct gen_type **outputs = ARENA_NEW_N(&g->arena, const struct gen_type *, s->n_method + 1);
    if (inputs == NULL || outputs == NULL)
        return gen_no_memory(g);
    for (size_t i = 0; i < s->n_method; i++) {
        inputs[i] = gen_type(g, s->method[i]->input_type);
        outputs[i] = gen_type(g, s->method[i]->output_type);
        if (inputs[i] == NULL || outputs[i] == NULL || inputs[i]->message == NULL || outputs[i]->message == NULL)
            return gen_fail(g, o->file, ERROR_NOT_FOUND, "%s/%s: its types are no messages of the request", s->name,
                            s->method[i]->name);
    }
    write_service_type(o, o->file, s, inputs, outputs);
    return write_callers(o, s, inputs, outputs);
}

/* ---- a file ----------------------------------------------------------------------------------------------------- */

static void add(struct text *to, const struct text *part)
{
    to->failed = to->failed || part->failed;
    if (part->len == 0)
        return;
    text_add(to, part->data, part->len);
    if (part->data[part->len - 1] == '\n' && (part->len < 2 || part->data[part->len - 2] != '\n'))
        text_char(to, '\n');
}

static int write_both(struct output *o)
{
    struct generator *g = o->g;
    char *header_name = arena_printf(&g->arena, "%s.pb-c.h", o->file->stem);
    char *source_name = arena_printf(&g->arena, "%s.pb-c.c", o->file->stem);
    const char *guard = name_guard(&g->arena, o->file->proto->name);
    struct text header = TEXT_INIT, source = TEXT_INIT;
    if (header_name == NULL || source_name == NULL || guard == NULL)
        return gen_no_memory(g);
    text_printf(&header,
                "/* Written by protoc-gen-harrow from %s; not to be edited. */\n"
                "#ifndef PROTOBUF_C_%s__INCLUDED\n#define PROTOBUF_C_%s__INCLUDED\n\n"
                "#include <protobuf-c/protobuf-c.h>\n",
                o->file->proto->name, guard, guard);
    for (size_t i = 0; i < o->file->proto->n_dependency; i++)
        if (!o->file->imports[i]->no_code)
            text_printf(&header, "#include \"%s.pb-c.h\"\n", o->file->imports[i]->stem);
    text_puts(&header, "\nPROTOBUF_C__BEGIN_DECLS\n\n");
    add(&header, &o->typedefs);
    add(&header, &o->enums);
    add(&header, &o->structs);
    add(&header, &o->functions);
    add(&header, &o->closures);
    add(&header, &o->descriptors);
    text_puts(&header, "PROTOBUF_C__END_DECLS\n\n#endif\n");
    text_printf(&source, "/* Written by protoc-gen-harrow from %s; not to be edited. */\n#include \"%s\"\n\n",
                o->file->proto->name, header_name);
    add(&source, &o->source);
    if (o->source.len > 0)
        text_truncate(&source, source.len > 0 ? source.len - 1 : 0); /* the last blank line */
    int code = gen_add_file(g, o->file, header_name, &header);
    if (code == 0)
        code = gen_add_file(g, o->file, source_name, &source);
    text_deinit(&header);
    text_deinit(&source);
    return code;
}

int write_messages(struct generator *g, const struct gen_file *f)
{
    struct output o = {.g = g, .file = f};
    const file_proto *p = f->proto;
    bool named = p->package != NULL && p->package[0] != '\0';
    char *scope = arena_printf(&g->arena, "%s%s", named ? "." : "", named ? p->package : "");
    int code = scope != NULL ? 0 : gen_no_memory(g);
    for (size_t i = 0; i < p->n_enum_type && code == 0; i++)
        code = write_enum(&o, scope, p->enum_type[i]);
    for (size_t i = 0; i < p->n_message_type && code == 0; i++)
        code = write_message(&o, scope, p->message_type[i]);
    for (size_t i = 0; i < p->n_service && code == 0; i++)
        code = write_service(&o, p->service[i]);
    if (code == 0)
        code = write_both(&o);
    text_deinit(&o.typedefs);
    text_deinit(&o.enums);
    text_deinit(&o.structs);
    text_deinit(&o.functions);
    text_deinit(&o.closures);
    text_deinit(&o.descriptors);
    text_deinit(&o.source);
    return code;
}
