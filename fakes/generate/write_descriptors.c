/* The contract's bytes, for doubles to be served and read as JSON with; and a topic's name. */
#include "fakes/generate/internal.h"
#include "wire/pb_wire.h"

#include <string.h>

#define SOURCE_CODE_INFO 9 /* of a FileDescriptorProto: comments and places, which nobody needs at run time */
#define BYTES_A_LINE     24

const char *descriptors_name(struct generator *g, const struct gen_file *f)
{
    const char *guard = name_guard(&g->arena, f->proto->name);
    return guard != NULL ? arena_printf(&g->arena, "fake_set_%s", guard) : NULL;
}

static void add_to_set(void *arg, const struct gen_file *f)
{
    struct text *set = arg;
    struct pb_reader r = {f->wire.data, f->wire.data + f->wire.len};
    size_t mark = pb_open(set, 1);
    while (r.at < r.end) {
        const uint8_t *from = r.at;
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE) /* it was unpacked before: there is none */
            break;
        if (item.number != SOURCE_CODE_INFO)
            text_add(set, from, (size_t)(r.at - from));
    }
    pb_close(set, mark);
}

static void write_bytes(struct text *out, struct bytes data)
{
    char line[BYTES_A_LINE * 4 + 8], *at = line;
    for (size_t i = 0; i < data.len; i++) {
        uint8_t b = data.data[i];
        if (b >= 100)
            *at++ = (char)('0' + b / 100);
        if (b >= 10)
            *at++ = (char)('0' + b / 10 % 10);
        *at++ = (char)('0' + b % 10);
        *at++ = ',';
        if ((i + 1) % BYTES_A_LINE == 0 || i + 1 == data.len) {
            *at++ = '\n';
            text_add(out, line, (size_t)(at - line));
            at = line;
        }
    }
}

int write_descriptors(struct generator *g, struct gen_file *f)
{
    struct text set = TEXT_INIT, header = TEXT_INIT, source = TEXT_INIT;
    const char *base = strrchr(f->stem, '/') != NULL ? strrchr(f->stem, '/') + 1 : f->stem;
    char *header_name = arena_printf(&g->arena, "%sfakes/%s_descriptors.h", f->folder, base);
    char *source_name = arena_printf(&g->arena, "%sfakes/%s_descriptors.c", f->folder, base);
    const char *name = descriptors_name(g, f);
    if (name == NULL || header_name == NULL || source_name == NULL)
        return gen_no_memory(g);
    gen_closure(g, f, add_to_set, &set);
    /* What the double will do when it is made: better found out now. */
    struct pb_pool *pool = NULL;
    struct error why = ERROR_INIT;
    int code = text_ok(&set) ? pb_pool_new(text_bytes(&set), "doubles", &pool, &why) : gen_no_memory(g);
    if (why.code != 0)
        gen_fail(g, NULL, code, "%s", why.message);
    error_clear(&why);
    pb_pool_free(pool);
    struct text len = TEXT_INIT;
    text_printf(&len, "%zu", set.len);
    const struct var vars[] = {
        {"file", f->proto->name}, {"name", name}, {"header", header_name}, {"len", text_string(&len)}, {NULL, NULL}};
    emit(&header, vars,
         "/* Written by protoc-gen-harrow from $file$; not to be edited. */\n"
         "#ifndef HARROW_$name$\n"
         "#define HARROW_$name$\n\n"
         "/* The file and all it imports, as a serialised google.protobuf.FileDescriptorSet. */\n"
         "extern const unsigned char $name$[$len$];\n\n"
         "#endif\n");
    emit(&source, vars,
         "/* Written by protoc-gen-harrow from $file$; not to be edited. */\n"
         "#include \"$header$\"\n\n"
         "const unsigned char $name$[$len$] = {\n");
    write_bytes(&source, text_bytes(&set));
    text_puts(&source, "};\n");
    if (code == 0)
        code = text_ok(&len) ? gen_add_file(g, f, header_name, &header) : gen_no_memory(g);
    if (code == 0)
        code = gen_add_file(g, f, source_name, &source);
    text_deinit(&set);
    text_deinit(&len);
    text_deinit(&header);
    text_deinit(&source);
    return code;
}

/* ---- topics ----------------------------------------------------------------------------------------------------- */

/* The folder's name when the file is one of events: events/<topic>/....proto, with both definitions. */
static const char *topic_of(struct generator *g, const struct gen_file *f)
{
    bool type = false, event = false;
    size_t len = strlen(f->folder);
    for (size_t i = 0; i < f->proto->n_enum_type; i++)
        type = type || strcmp(f->proto->enum_type[i]->name, "EventType") == 0;
    for (size_t i = 0; i < f->proto->n_message_type; i++)
        event = event || strcmp(f->proto->message_type[i]->name, "Event") == 0;
    if (!type || !event || len < 2)
        return NULL;
    size_t start = len - 1;
    while (start > 0 && f->folder[start - 1] != '/')
        start--;
    bool below_events =
        (start == 7 || (start > 7 && f->folder[start - 8] == '/')) && memcmp(f->folder + start - 7, "events/", 7) == 0;
    return below_events ? arena_string_n(&g->arena, f->folder + start, len - 1 - start) : NULL;
}

int write_topic(struct generator *g, const struct gen_file *f)
{
    const char *topic = topic_of(g, f);
    if (topic == NULL)
        return 0;
    char *path = arena_printf(&g->arena, "%stopic.h", f->folder);
    const char *guard = path != NULL ? name_guard(&g->arena, path) : NULL;
    bool named = f->proto->package != NULL && f->proto->package[0] != '\0';
    const char *of = named ? f->proto->package : name_guard(&g->arena, topic);
    const char *package = of != NULL ? name_upper(&g->arena, of) : NULL;
    struct text literal = TEXT_INIT, header = TEXT_INIT;
    if (path == NULL || guard == NULL || package == NULL)
        return gen_no_memory(g);
    write_string(&literal, topic, strlen(topic));
    const struct var vars[] = {{"file", f->proto->name},
                               {"guard", guard},
                               {"package", package},
                               {"topic", text_string(&literal)},
                               {NULL, NULL}};
    emit(&header, vars,
         "/* Written by protoc-gen-harrow from $file$; not to be edited. */\n"
         "#ifndef HARROW_$guard$\n"
         "#define HARROW_$guard$\n\n"
         "/* The topic these events are published on. */\n"
         "#define $package$__TOPIC $topic$\n\n"
         "#endif\n");
    int code = text_ok(&literal) ? gen_add_file(g, f, path, &header) : gen_no_memory(g);
    text_deinit(&literal);
    text_deinit(&header);
    return code;
}
