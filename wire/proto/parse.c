/* One .proto file: the grammar, with the descriptor it makes. What may stand where is decided here; what names mean,
 * in link.c. */
#include "wire/proto/parse.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of fields in descriptor.proto: paths of places are made of them. */
enum {
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
    FILE_OPTIONS = 8,
    FILE_PUBLIC = 10,
    FILE_WEAK = 11,
    FILE_SYNTAX = 12,
    FILE_EDITION = 14
};
enum { SERVICE_METHOD = 2, SERVICE_OPTIONS = 3 };
enum { METHOD_INPUT = 2, METHOD_OUTPUT = 3, METHOD_OPTIONS = 4, METHOD_CLIENT_STREAMS = 5, METHOD_SERVER_STREAMS = 6 };

/* ---- making things ---- */

void *parse_new(struct parser *p, const ProtobufCMessageDescriptor *d)
{
    ProtobufCMessage *m = arena_alloc(p->arena, d->sizeof_message);
    if (m == NULL)
        parse_no_memory(p);
    else
        protobuf_c_message_init(d, m);
    return m;
}

int parse_no_memory(struct parser *p)
{
    if (p->lex.code == 0)
        p->lex.code = error_set(p->lex.err, ERROR_MEMORY, "out of memory");
    return p->lex.code;
}

/* Arrays of pointers double in the arena. */
bool parse_append(struct parser *p, size_t *count, void *list, void *item)
{
    void **items;
    memcpy(&items, list, sizeof items);
    if (item == NULL)
        return false;
    if ((*count & (*count - 1)) == 0) {
        void **grown = ARENA_NEW_N(p->arena, void *, *count == 0 ? 1 : 2 * *count);
        if (grown == NULL) {
            parse_no_memory(p);
            return false;
        }
        if (*count > 0)
            memcpy(grown, items, *count * sizeof *grown);
        memcpy(list, &grown, sizeof grown);
        items = grown;
    }
    items[(*count)++] = item;
    return true;
}

char *parse_string(struct parser *p, struct bytes b)
{
    char *s = arena_string_n(p->arena, (const char *)b.data, b.len);
    if (s == NULL)
        parse_no_memory(p);
    return s;
}

char *parse_utf8(struct parser *p, struct bytes b, const struct token *at)
{
    if (!utf8_valid(b) || (b.len > 0 && memchr(b.data, 0, b.len) != NULL))
        lexer_fail(&p->lex, at, ERROR_INVALID, "this string is no text: it is not UTF-8, or has a zero in it");
    return parse_string(p, b);
}

/* ---- places and comments ---- */

struct place parse_place(struct parser *p, int32_t a, int32_t b)
{
    struct place place = {.depth = p->path_len};
    if (a >= 0 && p->path_len < PROTO_PATH_MAX)
        p->path[p->path_len++] = a;
    if (b >= 0 && p->path_len < PROTO_PATH_MAX)
        p->path[p->path_len++] = b;
    place.location = parse_new(p, &google__protobuf__source_code_info__location__descriptor);
    int32_t *path = arena_copy(p->arena, p->path, p->path_len * sizeof *path + 1);
    int32_t *span = ARENA_NEW_N(p->arena, int32_t, 4);
    if (place.location == NULL || path == NULL || span == NULL) {
        parse_no_memory(p);
        place.location = NULL;
        return place;
    }
    place.location->path = path;
    place.location->n_path = p->path_len;
    place.location->span = span;
    parse_starts(p, &place, &p->lex.token);
    Google__Protobuf__SourceCodeInfo *info = p->unit->file->source_code_info;
    parse_append(p, &info->n_location, &info->location, place.location);
    return place;
}

void parse_starts(struct parser *p, struct place *place, const struct token *t)
{
    (void)p;
    if (place->location == NULL)
        return;
    place->location->span[0] = t->line;
    place->location->span[1] = t->column;
}

static void ends(struct place *place, const struct token *t)
{
    if (place->location == NULL)
        return;
    int32_t *span = place->location->span;
    bool one_line = span[0] == t->end_line;
    span[2] = one_line ? t->end_column : t->end_line;
    span[3] = t->end_column;
    place->location->n_span = one_line ? 3 : 4;
}

void parse_placed(struct parser *p, struct place *place)
{
    p->path_len = place->depth;
    ends(place, &p->lex.before);
}

void parse_placed_between(struct parser *p, struct place *place, const struct token *first, const struct token *last)
{
    p->path_len = place->depth;
    parse_starts(p, place, first);
    ends(place, last);
}

static char *comment_text(struct parser *p, const struct text *t)
{
    return t->len > 0 ? parse_string(p, text_bytes(t)) : NULL;
}

/* Comments that came before the declaration, and the one behind it on its line. */
static void attach(struct parser *p, struct place *place, const struct comments *now)
{
    proto_location *l = place->location;
    if (l == NULL)
        return;
    l->leading_comments = comment_text(p, &p->leading);
    l->trailing_comments = comment_text(p, &now->trailing);
    for (size_t at = 0; at < p->detached.len;) {
        const char *one = p->detached.data + at;
        size_t len = strlen(one);
        parse_append(p, &l->n_leading_detached_comments, &l->leading_detached_comments,
                     parse_string(p, BYTES(one, len)));
        at += len + 1;
    }
}

static void keep(struct text *to, struct text *from)
{
    text_deinit(to);
    *to = *from;
    *from = TEXT_INIT;
}

static void keep_comments(struct parser *p, struct comments *now)
{
    if (!text_ok(&now->leading) || !text_ok(&now->trailing) || !text_ok(&now->detached))
        parse_no_memory(p);
    keep(&p->leading, &now->leading);
    keep(&p->detached, &now->detached);
    text_deinit(&now->trailing);
}

bool parse_end(struct parser *p, const char *symbol, struct place *place)
{
    struct comments now = {TEXT_INIT, TEXT_INIT, TEXT_INIT};
    if (!token_is(&p->lex.token, symbol) || p->lex.code != 0)
        return false;
    lexer_next_with_comments(&p->lex, &now);
    if (place != NULL)
        attach(p, place, &now);
    keep_comments(p, &now);
    return p->lex.code == 0;
}

/* ---- tokens ---- */

bool parse_take(struct parser *p, const char *text)
{
    if (p->lex.code != 0 || !token_is(&p->lex.token, text))
        return false;
    lexer_next(&p->lex);
    return true;
}

static const char *shown(struct parser *p)
{
    const struct token *t = &p->lex.token;
    struct text out = TEXT_INIT;
    text_printable(&out, t->text.data, t->text.len, 40);
    const char *s = t->kind == TOKEN_END ? "the end of the file" : arena_printf(p->arena, "\"%s\"", text_string(&out));
    text_deinit(&out);
    return s != NULL ? s : "?";
}

int parse_expected(struct parser *p, const char *what)
{
    return lexer_fail(&p->lex, &p->lex.token, ERROR_SYNTAX, "expected %s, got %s", what, shown(p));
}

bool parse_need(struct parser *p, const char *text)
{
    if (parse_take(p, text))
        return true;
    if (p->lex.code == 0) {
        const char *quoted = arena_printf(p->arena, "\"%s\"", text);
        parse_expected(p, quoted != NULL ? quoted : text);
    }
    return false;
}

bool parse_need_end(struct parser *p, const char *symbol, struct place *place)
{
    if (parse_end(p, symbol, place))
        return true;
    if (p->lex.code == 0) {
        const char *quoted = arena_printf(p->arena, "\"%s\"", symbol);
        parse_expected(p, quoted != NULL ? quoted : symbol);
    }
    return false;
}

char *parse_word(struct parser *p, const char *what)
{
    if (p->lex.code != 0 || p->lex.token.kind != TOKEN_WORD) {
        parse_expected(p, what);
        return NULL;
    }
    char *s = parse_string(p, p->lex.token.text);
    lexer_next(&p->lex);
    return s;
}

/* "a.b.C", with a dot before it when that is allowed. */
char *parse_dotted(struct parser *p, const char *what, bool leading_dot)
{
    struct text name = TEXT_INIT;
    if (leading_dot && parse_take(p, "."))
        text_char(&name, '.');
    do {
        char *part = parse_word(p, what);
        text_puts(&name, part != NULL ? part : "");
        if (token_is(&p->lex.token, "."))
            text_char(&name, '.');
    } while (parse_take(p, "."));
    char *s = text_ok(&name) ? parse_string(p, text_bytes(&name)) : NULL;
    if (!text_ok(&name))
        parse_no_memory(p);
    text_deinit(&name);
    return p->lex.code == 0 ? s : NULL;
}

bool parse_integer(struct parser *p, uint64_t max, const char *what, uint64_t *out)
{
    if (p->lex.code != 0 || p->lex.token.kind != TOKEN_INTEGER) {
        parse_expected(p, what);
        return false;
    }
    if (!token_unsigned(&p->lex.token, out) || *out > max) {
        lexer_fail(&p->lex, &p->lex.token, ERROR_INVALID, "%s is at most %llu", what, (unsigned long long)max);
        return false;
    }
    lexer_next(&p->lex);
    return true;
}

bool parse_signed(struct parser *p, const char *what, int64_t *out)
{
    bool minus = parse_take(p, "-");
    uint64_t value;
    if (!parse_integer(p, minus ? (uint64_t)INT32_MAX + 1 : INT32_MAX, what, &value))
        return false;
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Strings that stand behind each other are one. */
bool parse_text(struct parser *p, const char *what, struct text *out)
{
    if (p->lex.code != 0 || p->lex.token.kind != TOKEN_STRING) {
        parse_expected(p, what);
        return false;
    }
    while (p->lex.code == 0 && p->lex.token.kind == TOKEN_STRING) {
        token_string(&p->lex, &p->lex.token, out);
        lexer_next(&p->lex);
    }
    if (!text_ok(out))
        parse_no_memory(p);
    return p->lex.code == 0;
}

char *parse_text_string(struct parser *p, const char *what)
{
    struct text t = TEXT_INIT;
    const struct token at = p->lex.token;
    char *s = parse_text(p, what, &t) ? parse_utf8(p, text_bytes(&t), &at) : NULL;
    text_deinit(&t);
    return s;
}

/* ---- names ---- */

const char *parse_full_name(struct parser *p, const char *scope, const char *name)
{
    if (name == NULL)
        return NULL;
    const char *full = *scope != '\0' ? arena_printf(p->arena, "%s.%s", scope, name) : name;
    if (full == NULL)
        parse_no_memory(p);
    return full;
}

void parse_define(struct parser *p, struct proto_symbol symbol)
{
    symbol.unit = p->unit;
    if (symbol.full_name != NULL && !array_push(&p->unit->symbols, symbol))
        parse_no_memory(p);
}

void parse_refer(struct parser *p, struct proto_reference reference)
{
    if (!array_push(&p->unit->references, reference))
        parse_no_memory(p);
}

/* ---- services ---- */

static void parse_method_type(struct parser *p, const char *scope, int32_t part, int32_t stream, char **type,
                              protobuf_c_boolean *has, protobuf_c_boolean *streaming)
{
    parse_need(p, "(");
    if (token_is(&p->lex.token, "stream")) {
        struct place place = parse_place(p, stream, -1);
        lexer_next(&p->lex);
        parse_placed(p, &place);
        *has = *streaming = true;
    }
    struct place place = parse_place(p, part, -1);
    struct token at = p->lex.token;
    *type = parse_dotted(p, "a message's name", true);
    parse_placed(p, &place);
    parse_refer(p, (struct proto_reference){.name = type, .scope = scope, .place = at});
    parse_need(p, ")");
}

static void parse_method(struct parser *p, const char *scope, Google__Protobuf__ServiceDescriptorProto *s)
{
    struct place place = parse_place(p, SERVICE_METHOD, (int32_t)s->n_method);
    Google__Protobuf__MethodDescriptorProto *m = parse_new(p, &google__protobuf__method_descriptor_proto__descriptor);
    if (m == NULL)
        return;
    parse_append(p, &s->n_method, &s->method, m);
    lexer_next(&p->lex); /* rpc */
    struct place name = parse_place(p, 1, -1);
    struct token at = p->lex.token;
    m->name = parse_word(p, "the method's name");
    parse_placed(p, &name);
    const char *full = parse_full_name(p, scope, m->name);
    parse_define(p, (struct proto_symbol){.full_name = full, .kind = SYMBOL_METHOD, .place = at});
    parse_method_type(p, scope, METHOD_INPUT, METHOD_CLIENT_STREAMS, &m->input_type, &m->has_client_streaming,
                      &m->client_streaming);
    parse_need(p, "returns");
    parse_method_type(p, scope, METHOD_OUTPUT, METHOD_SERVER_STREAMS, &m->output_type, &m->has_server_streaming,
                      &m->server_streaming);
    if (parse_end(p, "{", &place)) {
        m->options = parse_new(p, &google__protobuf__method_options__descriptor); /* braces alone count */
        while (p->lex.code == 0 && !token_is(&p->lex.token, "}"))
            if (!parse_end(p, ";", NULL))
                parse_option_statement(p, METHOD_OPTIONS, &google__protobuf__method_options__descriptor, &m->options);
        parse_need_end(p, "}", NULL);
    } else {
        parse_need_end(p, ";", &place);
    }
    parse_placed(p, &place);
}

static void parse_service(struct parser *p)
{
    proto_file *f = p->unit->file;
    struct place place = parse_place(p, FILE_SERVICE, (int32_t)f->n_service);
    Google__Protobuf__ServiceDescriptorProto *s = parse_new(p, &google__protobuf__service_descriptor_proto__descriptor);
    if (s == NULL)
        return;
    parse_append(p, &f->n_service, &f->service, s);
    lexer_next(&p->lex); /* service */
    struct place name = parse_place(p, 1, -1);
    struct token at = p->lex.token;
    s->name = parse_word(p, "the service's name");
    parse_placed(p, &name);
    const char *full = parse_full_name(p, p->package, s->name);
    parse_define(p, (struct proto_symbol){.full_name = full, .kind = SYMBOL_SERVICE, .place = at});
    parse_need_end(p, "{", &place);
    while (p->lex.code == 0 && !token_is(&p->lex.token, "}")) {
        if (parse_end(p, ";", NULL))
            continue;
        if (token_is(&p->lex.token, "option"))
            parse_option_statement(p, SERVICE_OPTIONS, &google__protobuf__service_options__descriptor, &s->options);
        else if (token_is(&p->lex.token, "rpc"))
            parse_method(p, full != NULL ? full : "", s);
        else
            parse_expected(p, "\"rpc\", \"option\" or \"}\"");
    }
    parse_need_end(p, "}", NULL);
    parse_placed(p, &place);
}

/* ---- the file ---- */

/* As a newer descriptor.proto has it: the field is not among those of ours. */
static void set_edition(struct parser *p)
{
    static const uint8_t edition_2023[] = {0xe8, 0x07}; /* 1000 */
    ProtobufCMessageUnknownField *field = ARENA_NEW(p->arena, ProtobufCMessageUnknownField);
    if (field == NULL || (p->unit->file->syntax = arena_string(p->arena, "editions")) == NULL) {
        parse_no_memory(p);
        return;
    }
    *field = (ProtobufCMessageUnknownField){.tag = FILE_EDITION,
                                            .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT,
                                            .len = sizeof edition_2023,
                                            .data = arena_copy(p->arena, edition_2023, sizeof edition_2023)};
    p->unit->file->base.unknown_fields = field;
    p->unit->file->base.n_unknown_fields = 1;
    p->unit->edition = 2023;
    if (field->data == NULL)
        parse_no_memory(p);
}

static void parse_edition(struct parser *p)
{
    struct place place = parse_place(p, FILE_SYNTAX, -1); /* as protoc has it */
    lexer_next(&p->lex);
    parse_need(p, "=");
    struct token at = p->lex.token;
    char *name = parse_text_string(p, "\"2023\"");
    if (name != NULL && strcmp(name, "2023") != 0)
        lexer_fail(&p->lex, &at, ERROR_UNSUPPORTED,
                   "edition \"%s\" is not implemented here: expected edition \"2023\", or syntax \"proto3\" or "
                   "\"proto2\"; contract diff reads descriptor sets that a newer protoc made",
                   name);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
    if (p->lex.code == 0)
        set_edition(p);
}

static void parse_syntax(struct parser *p)
{
    proto_file *f = p->unit->file;
    if (token_is(&p->lex.token, "edition")) {
        parse_edition(p);
        return;
    }
    if (!token_is(&p->lex.token, "syntax"))
        return;
    struct place place = parse_place(p, FILE_SYNTAX, -1);
    lexer_next(&p->lex);
    parse_need(p, "=");
    struct token at = p->lex.token;
    char *name = parse_text_string(p, "\"proto3\" or \"proto2\"");
    if (name != NULL && strcmp(name, "proto3") != 0 && strcmp(name, "proto2") != 0)
        lexer_fail(&p->lex, &at, ERROR_INVALID, "expected syntax \"proto3\" or \"proto2\", got \"%s\"", name);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
    p->unit->proto3 = name != NULL && strcmp(name, "proto3") == 0;
    f->syntax = p->unit->proto3 ? name : NULL; /* proto2 is what is meant when nothing is said */
}

static void parse_package(struct parser *p)
{
    proto_file *f = p->unit->file;
    struct place place = parse_place(p, FILE_PACKAGE, -1);
    struct token at = p->lex.token;
    if (f->package != NULL)
        lexer_fail(&p->lex, &at, ERROR_INVALID, "a file has one package, and this one is \"%s\" already", f->package);
    else if (p->unit->symbols.count > 0 || p->unit->references.count > 0)
        lexer_fail(&p->lex, &at, ERROR_UNSUPPORTED,
                   "a package behind what it holds is not implemented here: it has to come first");
    lexer_next(&p->lex);
    f->package = parse_dotted(p, "the package's name", false);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
    p->package = f->package != NULL ? f->package : "";
    /* Its outer packages are names as well. */
    for (const char *dot = p->package; f->package != NULL && dot != NULL;) {
        dot = strchr(dot, '.');
        size_t len = dot != NULL ? (size_t)(dot - p->package) : strlen(p->package);
        parse_define(p, (struct proto_symbol){
                            .full_name = parse_string(p, BYTES(p->package, len)), .kind = SYMBOL_PACKAGE, .place = at});
        dot = dot != NULL ? dot + 1 : NULL;
    }
}

static void note_index(struct parser *p, size_t *count, int32_t **list, size_t index)
{
    int32_t *grown = ARENA_NEW_N(p->arena, int32_t, *count + 1);
    if (grown == NULL) {
        parse_no_memory(p);
        return;
    }
    if (*count > 0)
        memcpy(grown, *list, *count * sizeof *grown);
    grown[(*count)++] = (int32_t)index;
    *list = grown;
}

/* "public" or "weak": the import's number goes into that list. */
static void parse_import_kind(struct parser *p, int32_t kind, size_t *count, int32_t **list)
{
    size_t depth = p->path_len;
    p->path_len = 0;
    struct place word = parse_place(p, kind, (int32_t)*count);
    note_index(p, count, list, p->unit->file->n_dependency);
    lexer_next(&p->lex);
    parse_placed(p, &word);
    p->path_len = depth;
}

static void parse_import(struct parser *p)
{
    proto_file *f = p->unit->file;
    struct place place = parse_place(p, FILE_DEPENDENCY, (int32_t)f->n_dependency);
    lexer_next(&p->lex);
    if (token_is(&p->lex.token, "public"))
        parse_import_kind(p, FILE_PUBLIC, &f->n_public_dependency, &f->public_dependency);
    else if (token_is(&p->lex.token, "weak"))
        parse_import_kind(p, FILE_WEAK, &f->n_weak_dependency, &f->weak_dependency);
    struct token at = p->lex.token;
    char *name = parse_text_string(p, "the imported file's name");
    for (size_t i = 0; name != NULL && i < f->n_dependency; i++)
        if (strcmp(f->dependency[i], name) == 0)
            lexer_fail(&p->lex, &at, ERROR_INVALID, "\"%s\" is imported already", name);
    if (name != NULL && parse_append(p, &f->n_dependency, &f->dependency, name) &&
        !array_push(&p->unit->import_places, at))
        parse_no_memory(p);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
}

static void parse_statement(struct parser *p)
{
    proto_file *f = p->unit->file;
    const struct token *t = &p->lex.token;
    if (parse_end(p, ";", NULL))
        return;
    if (token_is(t, "message"))
        parse_message(p, FILE_MESSAGE, p->package, &f->n_message_type, &f->message_type);
    else if (token_is(t, "enum"))
        parse_enum(p, FILE_ENUM, p->package, &f->n_enum_type, &f->enum_type);
    else if (token_is(t, "service"))
        parse_service(p);
    else if (token_is(t, "extend"))
        parse_extend(p, p->package, FILE_EXTENSION, &f->n_extension, &f->extension, FILE_MESSAGE, &f->n_message_type,
                     &f->message_type);
    else if (token_is(t, "import"))
        parse_import(p);
    else if (token_is(t, "package"))
        parse_package(p);
    else if (token_is(t, "option"))
        parse_option_statement(p, FILE_OPTIONS, &google__protobuf__file_options__descriptor, &f->options);
    else
        parse_expected(p, "a message, enum, service, extend, import, package or option");
}

int proto_parse(struct arena *arena, struct proto_unit *unit, struct error *err)
{
    struct parser p = {.arena = arena, .unit = unit, .package = ""};
    lexer_init(&p.lex, text_bytes(&unit->content), unit->shown, err);
    unit->file = parse_new(&p, &google__protobuf__file_descriptor_proto__descriptor);
    if (unit->file != NULL)
        unit->file->source_code_info = parse_new(&p, &google__protobuf__source_code_info__descriptor);
    if (p.lex.code != 0)
        return p.lex.code;
    struct comments first = {TEXT_INIT, TEXT_INIT, TEXT_INIT};
    unit->file->name = arena_string(arena, unit->name);
    lexer_first(&p.lex, &first);
    keep_comments(&p, &first);
    struct place whole = parse_place(&p, -1, -1);
    parse_syntax(&p);
    while (p.lex.code == 0 && p.lex.token.kind != TOKEN_END)
        parse_statement(&p);
    parse_placed(&p, &whole);
    if (unit->file->name == NULL)
        parse_no_memory(&p);
    text_deinit(&p.leading);
    text_deinit(&p.detached);
    return p.lex.code;
}
