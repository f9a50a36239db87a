#include "fakes/generate/generate.h"

#include "fakes/generate/internal.h"
#include "wire/pb.h"
#include "wire/pb_wire.h"

#include <stdarg.h>
#include <string.h>

#define FEATURE_PROTO3_OPTIONAL 1
#define FULL_NAME_MAX           512 /* bytes */

/* ---- what is wrong ---------------------------------------------------------------------------------------------- */

int gen_fail(struct generator *g, const struct gen_file *f, int code, const char *format, ...)
{
    struct text text = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    if (f != NULL)
        error_set(&g->why, code, "%s: %s", f->proto->name, text_string(&text));
    else
        error_set(&g->why, code, "%s", text_string(&text));
    text_deinit(&text);
    return code;
}

int gen_no_memory(struct generator *g)
{
    return error_set(&g->why, ERROR_MEMORY, "out of memory");
}

/* What stands in the output must be what it seems: names end up in code. */
static bool is_identifier(const char *s)
{
    if (s == NULL || *s == '\0' || (*s >= '0' && *s <= '9') || strlen(s) > FULL_NAME_MAX)
        return false;
    for (; *s != '\0'; s++)
        if (!(*s == '_' || (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
            return false;
    return true;
}

static int need_name(struct generator *g, const struct gen_file *f, const char *what, const char *scope,
                     const char *name)
{
    if (is_identifier(name))
        return 0;
    return gen_fail(g, f, ERROR_INVALID, "%s in \"%s\" has the name \"%.60s\", which is no identifier", what, scope,
                    name != NULL ? name : "");
}

static bool is_package(const char *s)
{
    char piece[FULL_NAME_MAX + 1];
    if (strlen(s) > FULL_NAME_MAX)
        return false;
    while (*s != '\0') {
        size_t len = strcspn(s, ".");
        memcpy(piece, s, len);
        piece[len] = '\0';
        if (!is_identifier(piece))
            return false;
        s += len;
        if (*s == '.' && *++s == '\0')
            return false;
    }
    return true;
}

static bool is_path(const char *s)
{
    if (s == NULL || *s == '\0' || *s == '/' || strlen(s) > FULL_NAME_MAX)
        return false;
    for (const char *c = s; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\' || *c == '?' || (*c == '*' && c[1] == '/'))
            return false;
        bool begins = c == s || c[-1] == '/';
        if (begins && (strncmp(c, "../", 3) == 0 || strcmp(c, "..") == 0))
            return false;
    }
    return true;
}

/* ---- collecting ------------------------------------------------------------------------------------------------- */

const struct gen_type *gen_type(const struct generator *g, const char *dotted)
{
    return dotted != NULL ? map_get(&g->types, dotted) : NULL;
}

const char *gen_c_source(struct generator *g, const struct gen_file *f, const char *full_name)
{
    const char *package = f->proto->package != NULL ? f->proto->package : "";
    size_t len = strlen(package);
    if (f->c_package == NULL)
        return full_name;
    return arena_printf(&g->arena, "%s%s%s", f->c_package, len == 0 ? "." : "", full_name + len);
}

/* protobuf-c's options of a file (protobuf-c/protobuf-c.proto), which descriptors hold as a field nobody has a name
 * for. What is set several times: the last. */
static int read_protobuf_c(struct generator *g, struct gen_file *f)
{
    enum { PB_C_FILE = 1019, NO_GENERATE = 1, C_PACKAGE = 6 };
    const Google__Protobuf__FileOptions *options = f->proto->options;
    for (size_t i = 0; options != NULL && i < options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &options->base.unknown_fields[i];
        uint64_t len;
        size_t skip = u->tag == PB_C_FILE && u->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED
                          ? pb_varint_get(u->data, u->data + u->len, &len)
                          : 0;
        struct pb_reader r = {u->data + skip, u->data + u->len};
        struct pb_item item;
        while (skip > 0 && r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE) {
            if (item.number == NO_GENERATE && item.wire == PB_WIRE_VARINT)
                f->no_code = item.value != 0;
            if (item.number != C_PACKAGE || item.wire != PB_WIRE_BYTES)
                continue;
            if ((f->c_package = arena_string_n(&g->arena, (const char *)item.data.data, item.data.len)) == NULL)
                return gen_no_memory(g);
            if (f->c_package[0] == '\0' || !is_package(f->c_package))
                return gen_fail(g, f, ERROR_INVALID, "the option c_package \"%.60s\" is no dotted name", f->c_package);
        }
    }
    return 0;
}

/* Name under which the pieces of a type are known in C; two types that would get the same are kept apart. */
static int add_type(struct generator *g, const struct gen_file *f, const char *dotted, const message_proto *m,
                    const enum_proto *e)
{
    static const char *const forms[] = {"", NULL};
    struct gen_type *t = ARENA_NEW(&g->arena, struct gen_type);
    if (t == NULL)
        return gen_no_memory(g);
    if (strlen(dotted) > FULL_NAME_MAX)
        return gen_fail(g, f, ERROR_LIMIT, "a full name is longer than %d bytes: %.60s...", FULL_NAME_MAX, dotted);
    if (map_get(&g->types, dotted) != NULL)
        return gen_fail(g, f, ERROR_EXISTS, "%s is defined twice", dotted + 1);
    const char *source = gen_c_source(g, f, dotted + 1);
    if (source == NULL)
        return gen_no_memory(g);
    const char *c = name_c(&g->arena, source), *lower = name_lower(&g->arena, source);
    const char *upper = name_upper(&g->arena, source);
    if (c == NULL || lower == NULL || upper == NULL)
        return gen_no_memory(g);
    *t = (struct gen_type){.file = f,
                           .message = m,
                           .enumeration = e,
                           .full_name = dotted + 1,
                           .c = name_unique(g, &g->c_names, c, forms),
                           .lower = name_unique(g, &g->c_names, lower, forms),
                           .upper = name_unique(g, &g->c_names, upper, forms)};
    if (t->c == NULL || t->lower == NULL || t->upper == NULL || !map_put(&g->types, dotted, t))
        return gen_no_memory(g);
    return 0;
}

static int collect_enums(struct generator *g, const struct gen_file *f, const char *scope, enum_proto *const *enums,
                         size_t count)
{
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        code = need_name(g, f, "an enum", scope, enums[i]->name);
        if (code == 0 && enums[i]->n_value == 0)
            code = gen_fail(g, f, ERROR_INVALID, "enum %s.%s has no values", scope, enums[i]->name);
        for (size_t v = 0; v < enums[i]->n_value && code == 0; v++)
            code = need_name(g, f, "an enum value", scope, enums[i]->value[v]->name);
        if (code == 0) {
            char *dotted = arena_printf(&g->arena, "%s.%s", scope, enums[i]->name);
            code = dotted != NULL ? add_type(g, f, dotted, NULL, enums[i]) : gen_no_memory(g);
        }
    }
    return code;
}

/* Depth: the scan before unpacking has limited it. */
static int collect_messages(struct generator *g, const struct gen_file *f, const char *scope,
                            message_proto *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const message_proto *m = messages[i];
        int code = need_name(g, f, "a message", scope, m->name);
        if (code != 0)
            return code;
        char *dotted = arena_printf(&g->arena, "%s.%s", scope, m->name);
        code = dotted != NULL ? add_type(g, f, dotted, m, NULL) : gen_no_memory(g);
        for (size_t k = 0; k < m->n_field && code == 0; k++)
            code = need_name(g, f, "a field", dotted, m->field[k]->name);
        for (size_t k = 0; k < m->n_oneof_decl && code == 0; k++)
            code = need_name(g, f, "a oneof", dotted, m->oneof_decl[k]->name);
        if (code == 0)
            code = collect_enums(g, f, dotted, m->enum_type, m->n_enum_type);
        if (code == 0)
            code = collect_messages(g, f, dotted, m->nested_type, m->n_nested_type);
        if (code != 0)
            return code;
    }
    return 0;
}

static int collect_services(struct generator *g, const struct gen_file *f)
{
    int code = 0;
    for (size_t i = 0; i < f->proto->n_service && code == 0; i++) {
        const service_proto *s = f->proto->service[i];
        code = need_name(g, f, "a service", "", s->name);
        for (size_t k = 0; k < s->n_method && code == 0; k++)
            code = need_name(g, f, "a method", s->name, s->method[k]->name);
    }
    return code;
}

static int collect_file(struct generator *g, struct gen_file *f)
{
    const file_proto *p = f->proto;
    const char *package = p->package != NULL ? p->package : "";
    if (!is_path(p->name))
        return gen_fail(g, NULL, ERROR_INVALID, "a file has the name \"%.60s\", which is no relative path",
                        p->name != NULL ? p->name : "");
    if (!is_package(package))
        return gen_fail(g, f, ERROR_INVALID, "the package \"%.60s\" is no dotted name", package);
    if (map_get(&g->files_by_name, p->name) != NULL)
        return gen_fail(g, f, ERROR_EXISTS, "the request holds it twice");
    f->proto3 = p->syntax != NULL && strcmp(p->syntax, "proto3") == 0;
    if (!f->proto3 && p->syntax != NULL && p->syntax[0] != '\0' && strcmp(p->syntax, "proto2") != 0)
        return gen_fail(g, f, ERROR_UNSUPPORTED, "syntax is \"%.20s\": proto2 and proto3 are known", p->syntax);
    size_t len = strlen(p->name);
    bool dot_proto = len > 6 && strcmp(p->name + len - 6, ".proto") == 0;
    const char *slash = strrchr(p->name, '/');
    f->stem = arena_string_n(&g->arena, p->name, dot_proto ? len - 6 : len);
    f->folder = arena_string_n(&g->arena, p->name, slash != NULL ? (size_t)(slash + 1 - p->name) : 0);
    f->imports = ARENA_NEW_N(&g->arena, struct gen_file *, p->n_dependency + 1);
    if (f->stem == NULL || f->folder == NULL || f->imports == NULL)
        return gen_no_memory(g);
    for (size_t i = 0; i < p->n_dependency; i++) {
        f->imports[i] = map_get(&g->files_by_name, p->dependency[i]);
        if (f->imports[i] == NULL)
            return gen_fail(g, f, ERROR_NOT_FOUND, "imports \"%s\", which the request does not hold before it",
                            p->dependency[i]);
    }
    char *scope = arena_printf(&g->arena, "%s%s", package[0] != '\0' ? "." : "", package);
    int code = scope != NULL && map_put(&g->files_by_name, p->name, f) ? read_protobuf_c(g, f) : gen_no_memory(g);
    if (code == 0)
        code = collect_enums(g, f, scope, p->enum_type, p->n_enum_type);
    if (code == 0)
        code = collect_messages(g, f, scope, p->message_type, p->n_message_type);
    return code == 0 ? collect_services(g, f) : code;
}

int gen_closure(struct generator *g, struct gen_file *f, void (*each)(void *arg, const struct gen_file *f), void *arg)
{
    for (size_t i = 0; i < g->file_count; i++)
        g->files[i].seen = &g->files[i] == f;
    /* Imports stand before those that import them. */
    for (size_t i = g->file_count; i-- > 0;)
        for (size_t k = 0; g->files[i].seen && k < g->files[i].proto->n_dependency; k++)
            g->files[i].imports[k]->seen = true;
    for (size_t i = 0; i < g->file_count; i++)
        if (g->files[i].seen)
            each(arg, &g->files[i]);
    return 0;
}

/* ---- the request ------------------------------------------------------------------------------------------------ */

static int read_option(struct generator *g, const char *option)
{
    static const struct {
        const char *text;
        bool messages, imports, no_doubles;
    } known[] = {{"messages", true, false, false},   {"messages=yes", true, false, false},
                 {"imports", true, true, false},     {"imports=yes", true, true, false},
                 {"doubles=no", false, false, true}, {"doubles=yes", false, false, false},
                 {"", false, false, false}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(option, known[i].text) == 0) {
            g->messages |= known[i].messages;
            g->imports |= known[i].imports;
            g->doubles &= !known[i].no_doubles;
            return 0;
        }
    return gen_fail(g, NULL, ERROR_INVALID,
                    "unknown parameter \"%.60s\": there are messages, imports and doubles=no (--harrow_opt=...)",
                    option);
}

static int read_options(struct generator *g, struct bytes all)
{
    const char *at = (const char *)all.data, *end = at + all.len;
    int code = 0;
    while (at < end && code == 0) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma != NULL ? comma : end) - at);
        char *option = arena_string_n(&g->arena, at, len);
        code = option != NULL ? read_option(g, option) : gen_no_memory(g);
        at += len + 1;
    }
    return code;
}

/* Counts, or (with `files`) fills in. */
static int read_request(struct generator *g, struct bytes request, size_t *files, struct map *asked)
{
    struct pb_reader r = {request.data, request.data + request.len};
    *files = 0;
    while (r.at < r.end) {
        struct pb_item item;
        enum pb_fault fault = pb_item_next(&r, &item);
        if (fault == PB_FAULT_NONE && item.wire == PB_WIRE_GROUP)
            fault = pb_group_skip(&r, item.number);
        if (fault != PB_FAULT_NONE)
            return gen_fail(g, NULL, ERROR_SYNTAX, "the request is cut off or no CodeGeneratorRequest: %s at byte %zu",
                            pb_fault_text(fault), (size_t)(r.at - request.data));
        if (item.wire != PB_WIRE_BYTES)
            continue;
        int code = 0;
        if (item.number == 1 && !map_put_n(asked, item.data.data, item.data.len, g))
            code = gen_no_memory(g);
        else if (item.number == 2 && g->files == NULL)
            code = read_options(g, item.data);
        else if (item.number == 15 && g->files != NULL)
            g->files[*files].wire = item.data;
        *files += item.number == 15;
        if (code != 0)
            return code;
    }
    return 0;
}

static int read_files(struct generator *g, struct map *asked)
{
    for (size_t i = 0; i < g->file_count; i++) {
        struct gen_file *f = &g->files[i];
        struct error err = ERROR_INIT;
        ProtobufCMessage *m = NULL;
        int code = pb_unpack(&google__protobuf__file_descriptor_proto__descriptor, f->wire, &g->arena, &m, &err);
        if (code != 0) {
            gen_fail(g, NULL, code, "file %zu of the request: %s", i + 1, err.message != NULL ? err.message : "");
            error_clear(&err);
            return code;
        }
        f->proto = (const file_proto *)(const void *)m;
        code = collect_file(g, f);
        if (code != 0)
            return code;
        f->asked = map_get(asked, f->proto->name) != NULL;
    }
    for (struct map_entry *e = map_first(asked); e != NULL; e = map_next(e))
        if (map_get(&g->files_by_name, map_key(e)) == NULL)
            return gen_fail(g, NULL, ERROR_NOT_FOUND, "the request asks for \"%.200s\" and does not hold it",
                            map_key(e));
    if (map_count(asked) == 0)
        return gen_fail(g, NULL, ERROR_INVALID, "the request asks for no files");
    return 0;
}

/* ---- the response ----------------------------------------------------------------------------------------------- */

int gen_add_file(struct generator *g, const struct gen_file *about, const char *name, const struct text *content)
{
    struct text file = TEXT_INIT;
    int code = 0;
    if (map_get(&g->outputs, name) != NULL)
        code = gen_fail(g, about, ERROR_EXISTS, "\"%s\" would be written twice", name);
    pb_put_bytes(&file, 1, bytes_of(name));
    pb_put_bytes(&file, 15, text_bytes(content));
    pb_put_bytes(g->response, 15, text_bytes(&file));
    if (code == 0 && (!text_ok(content) || !text_ok(&file) || !text_ok(g->response) || !map_put(&g->outputs, name, g)))
        code = gen_no_memory(g);
    text_deinit(&file);
    return code;
}

static int write_file(struct generator *g, struct gen_file *f)
{
    int code = 0;
    if (g->messages && (f->asked || g->imports) && !f->no_code)
        code = write_messages(g, f);
    if (code == 0 && f->asked && g->doubles && f->proto->n_service > 0) {
        code = write_descriptors(g, f);
        if (code == 0)
            code = write_doubles(g, f);
    }
    if (code == 0 && f->asked)
        code = write_topic(g, f);
    return code;
}

static int run(struct generator *g, struct bytes request)
{
    struct map asked = MAP_INIT;
    size_t files = 0;
    int code = request.len > GENERATE_REQUEST_MAX
                   ? gen_fail(g, NULL, ERROR_LIMIT, "the request is longer than %zu bytes", GENERATE_REQUEST_MAX)
                   : read_request(g, request, &files, &asked);
    if (code == 0) {
        g->file_count = files;
        g->files = ARENA_NEW_N(&g->arena, struct gen_file, files + 1);
        code = g->files != NULL ? read_request(g, request, &files, &asked) : gen_no_memory(g);
    }
    if (code == 0)
        code = read_files(g, &asked);
    for (size_t i = 0; i < g->file_count && code == 0; i++)
        code = write_file(g, &g->files[i]);
    map_deinit(&asked);
    return code;
}

int generate(struct bytes request, struct text *response, struct error *err)
{
    struct generator g = {.doubles = true, .response = response};
    size_t before = response->len;
    pb_put_tag(response, 2, PB_WIRE_VARINT);
    pb_put_varint(response, FEATURE_PROTO3_OPTIONAL);
    int code = run(&g, request);
    if (code != 0 && code != ERROR_MEMORY) {
        struct text why = TEXT_INIT;
        text_truncate(response, before);
        error_format(&g.why, &why);
        pb_put_bytes(response, 1, text_bytes(&why));
        pb_put_tag(response, 2, PB_WIRE_VARINT);
        pb_put_varint(response, FEATURE_PROTO3_OPTIONAL);
        code = text_ok(&why) ? 0 : ERROR_MEMORY;
        text_deinit(&why);
    }
    if (code == 0 && !text_ok(response))
        code = ERROR_MEMORY;
    error_clear(&g.why);
    map_deinit(&g.files_by_name);
    map_deinit(&g.types);
    map_deinit(&g.c_names);
    map_deinit(&g.outputs);
    arena_deinit(&g.arena);
    return code == 0 ? 0 : error_set(err, code, "out of memory");
}
