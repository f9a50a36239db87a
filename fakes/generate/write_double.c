/* A service's double: fake_<service>.h and .c. */
#include "fakes/generate/internal.h"

#include <string.h>

/* Everything that is derived from a method's name; two methods whose forms meet are kept apart by underscores. */
static const char *const forms[] = {
    "",         "_count",           "_args",         "_messages",      "_replied", "_replies",
    "_returns", "_returns_on_call", "_sends",        "_sends_on_call", "_fails",   "_fails_on_call",
    "_stub",    "_stub_function",   "_delays",       "_never_answers", "_verify",  "_send",
    "_receive", "_stub_sends",      "_stub_message", "_call_stub",     NULL};

struct parts {
    struct text header, source;
};

static bool parts_ok(const struct parts *p)
{
    return text_ok(&p->header) && text_ok(&p->source);
}

/* ---- one method ------------------------------------------------------------------------------------------------- */

static const char unary_header[] =
    "/* Calls it as a client does; a status of gRPC. `reply` may be NULL. */\n"
    "int $p$_$m$(struct $p$ *f, const $in$ *request, const $out$ **reply, struct text *message);\n";
static const char unary_source[] =
    "int $p$_$m$(struct $p$ *f, const $in$ *request, const $out$ **reply, struct text *message)\n"
    "{\n"
    "    const ProtobufCMessage *m;\n"
    "    int status = fake_invoke(f->fake, $i$, (const ProtobufCMessage *)request, &m, message);\n"
    "    if (reply != NULL)\n"
    "        *reply = (const $out$ *)(const void *)m;\n"
    "    return status;\n"
    "}\n\n";

static const char open_request_header[] =
    "/* Opens the stream and asks; NULL: no memory. Ends with fake_client_close(). */\n"
    "struct fake_client *$p$_$m$(struct $p$ *f, const $in$ *request);\n";
static const char open_request_source[] =
    "struct fake_client *$p$_$m$(struct $p$ *f, const $in$ *request)\n"
    "{\n"
    "    struct fake_client *c = fake_client_open(f->fake, $i$);\n"
    "    if (c != NULL && fake_client_send(c, (const ProtobufCMessage *)request) != 0) {\n"
    "        fake_client_close(c, NULL);\n"
    "        c = NULL;\n"
    "    }\n"
    "    return c;\n"
    "}\n\n";
static const char open_header[] = "/* Opens the stream; NULL: no memory. Ends with fake_client_close(). */\n"
                                  "struct fake_client *$p$_$m$(struct $p$ *f);\n"
                                  "int $p$_$m$_send(struct fake_client *c, const $in$ *message);\n";
static const char open_source[] = "struct fake_client *$p$_$m$(struct $p$ *f)\n"
                                  "{\n"
                                  "    return fake_client_open(f->fake, $i$);\n"
                                  "}\n\n"
                                  "int $p$_$m$_send(struct fake_client *c, const $in$ *message)\n"
                                  "{\n"
                                  "    return fake_client_send(c, (const ProtobufCMessage *)message);\n"
                                  "}\n\n";
static const char receive_header[] = "const $out$ *$p$_$m$_receive(struct fake_client *c);\n";
static const char receive_source[] = "const $out$ *$p$_$m$_receive(struct fake_client *c)\n"
                                     "{\n"
                                     "    return (const $out$ *)(const void *)fake_client_receive(c);\n"
                                     "}\n\n";

static const char count_header[] = "int64_t $p$_$m$_count(const struct $p$ *f);\n";
static const char count_source[] = "int64_t $p$_$m$_count(const struct $p$ *f)\n"
                                   "{\n"
                                   "    return fake_count(f->fake, \"$method$\");\n"
                                   "}\n\n";

static const char args_header[] = "/* The request of that call, a copy; NULL: there is no such call. */\n"
                                  "const $in$ *$p$_$m$_args(const struct $p$ *f, int64_t call);\n";
static const char args_source[] = "const $in$ *$p$_$m$_args(const struct $p$ *f, int64_t call)\n"
                                  "{\n"
                                  "    return (const $in$ *)(const void *)fake_argument(f->fake, $i$, call, 0);\n"
                                  "}\n\n";
static const char stream_args_header[] =
    "/* A message of that call, a copy; NULL: there is no such call, or message. How many it has; -1: no such call. "
    "*/\n"
    "const $in$ *$p$_$m$_args(const struct $p$ *f, int64_t call, size_t message);\n"
    "int64_t $p$_$m$_messages(const struct $p$ *f, int64_t call);\n";
static const char stream_args_source[] =
    "const $in$ *$p$_$m$_args(const struct $p$ *f, int64_t call, size_t message)\n"
    "{\n"
    "    return (const $in$ *)(const void *)fake_argument(f->fake, $i$, call, message);\n"
    "}\n\n"
    "int64_t $p$_$m$_messages(const struct $p$ *f, int64_t call)\n"
    "{\n"
    "    return fake_argument_count(f->fake, $i$, call);\n"
    "}\n\n";
static const char replied_header[] = "/* A message that was sent in that call; how many were. */\n"
                                     "const $out$ *$p$_$m$_replied(const struct $p$ *f, int64_t call, size_t reply);\n"
                                     "int64_t $p$_$m$_replies(const struct $p$ *f, int64_t call);\n";
static const char replied_source[] =
    "const $out$ *$p$_$m$_replied(const struct $p$ *f, int64_t call, size_t reply)\n"
    "{\n"
    "    return (const $out$ *)(const void *)fake_reply_sent(f->fake, $i$, call, reply);\n"
    "}\n\n"
    "int64_t $p$_$m$_replies(const struct $p$ *f, int64_t call)\n"
    "{\n"
    "    return fake_reply_count(f->fake, $i$, call);\n"
    "}\n\n";

static const char returns_header[] = "int $p$_$m$_returns(struct $p$ *f, const $out$ *reply);\n"
                                     "int $p$_$m$_returns_on_call(struct $p$ *f, int64_t call, const $out$ *reply);\n";
static const char returns_source[] =
    "int $p$_$m$_returns(struct $p$ *f, const $out$ *reply)\n"
    "{\n"
    "    return fake_returns(f->fake, \"$method$\", (const ProtobufCMessage *)reply);\n"
    "}\n\n"
    "int $p$_$m$_returns_on_call(struct $p$ *f, int64_t call, const $out$ *reply)\n"
    "{\n"
    "    return fake_returns_on_call(f->fake, \"$method$\", call, (const ProtobufCMessage *)reply);\n"
    "}\n\n";
static const char sends_header[] = "/* One more reply, sent in the order given. */\n"
                                   "int $p$_$m$_sends(struct $p$ *f, const $out$ *reply);\n"
                                   "int $p$_$m$_sends_on_call(struct $p$ *f, int64_t call, const $out$ *reply);\n";
static const char sends_source[] =
    "int $p$_$m$_sends(struct $p$ *f, const $out$ *reply)\n"
    "{\n"
    "    return fake_sends(f->fake, \"$method$\", FAKE_EVERY, FAKE_EVERY, (const ProtobufCMessage *)reply, 0);\n"
    "}\n\n"
    "int $p$_$m$_sends_on_call(struct $p$ *f, int64_t call, const $out$ *reply)\n"
    "{\n"
    "    return fake_sends(f->fake, \"$method$\", call, FAKE_EVERY, (const ProtobufCMessage *)reply, 0);\n"
    "}\n\n";
static const char both_sends_header[] =
    "/* One more reply, sent when that message has come: its number, FAKE_EVERY, or FAKE_AT_END. */\n"
    "int $p$_$m$_sends(struct $p$ *f, int64_t message, const $out$ *reply);\n"
    "int $p$_$m$_sends_on_call(struct $p$ *f, int64_t call, int64_t message, const $out$ *reply);\n";
static const char both_sends_source[] =
    "int $p$_$m$_sends(struct $p$ *f, int64_t message, const $out$ *reply)\n"
    "{\n"
    "    return fake_sends(f->fake, \"$method$\", FAKE_EVERY, message, (const ProtobufCMessage *)reply, 0);\n"
    "}\n\n"
    "int $p$_$m$_sends_on_call(struct $p$ *f, int64_t call, int64_t message, const $out$ *reply)\n"
    "{\n"
    "    return fake_sends(f->fake, \"$method$\", call, message, (const ProtobufCMessage *)reply, 0);\n"
    "}\n\n";

static const char common_header[] =
    "int $p$_$m$_fails(struct $p$ *f, int status, const char *message);\n"
    "int $p$_$m$_fails_on_call(struct $p$ *f, int64_t call, int status, const char *message);\n"
    "int $p$_$m$_delays(struct $p$ *f, uint64_t ns);\n"
    "int $p$_$m$_never_answers(struct $p$ *f, bool on);\n"
    "int $p$_$m$_stub(struct $p$ *f, $p$_$m$_stub_function *stub, void *arg);\n"
    "#define $p$_$m$_verify(f, ...) fake_verify((f)->fake, \"$method$\", __VA_ARGS__)\n\n";
static const char common_source[] =
    "int $p$_$m$_fails(struct $p$ *f, int status, const char *message)\n"
    "{\n"
    "    return fake_fails(f->fake, \"$method$\", FAKE_EVERY, status, message);\n"
    "}\n\n"
    "int $p$_$m$_fails_on_call(struct $p$ *f, int64_t call, int status, const char *message)\n"
    "{\n"
    "    return fake_fails(f->fake, \"$method$\", call, status, message);\n"
    "}\n\n"
    "int $p$_$m$_delays(struct $p$ *f, uint64_t ns)\n"
    "{\n"
    "    return fake_delays(f->fake, \"$method$\", ns);\n"
    "}\n\n"
    "int $p$_$m$_never_answers(struct $p$ *f, bool on)\n"
    "{\n"
    "    return fake_never_answers(f->fake, \"$method$\", on);\n"
    "}\n\n";

/* By what a stub is given: a request or none, a reply to fill in or none. */
static const char stub_type[] = "typedef int $p$_$m$_stub_function($stub_parameters$);\n";
static const char stub_source[] =
    "static int $p$_$m$_call_stub(const struct fake_typed_stub *s, struct fake_stub_call *c,\n"
    "                             const ProtobufCMessage *request, ProtobufCMessage *reply)\n"
    "{\n"
    "    $p$_$m$_stub_function *stub = ($p$_$m$_stub_function *)s->function;\n"
    "$stub_unused$"
    "    return stub($stub_arguments$);\n"
    "}\n\n"
    "int $p$_$m$_stub(struct $p$ *f, $p$_$m$_stub_function *stub, void *arg)\n"
    "{\n"
    "    struct fake_typed_stub s = {$p$_$m$_call_stub, (void (*)(void))stub, arg};\n"
    "    return fake_stub_typed(f->fake, $i$, &s);\n"
    "}\n\n";
static const char stub_sends_header[] = "/* For its stub: one more reply. */\n"
                                        "bool $p$_$m$_stub_sends(struct fake_stub_call *c, const $out$ *reply);\n";
static const char stub_sends_source[] = "bool $p$_$m$_stub_sends(struct fake_stub_call *c, const $out$ *reply)\n"
                                        "{\n"
                                        "    return fake_stub_sends(c, (const ProtobufCMessage *)reply);\n"
                                        "}\n\n";
static const char stub_message_header[] =
    "/* For its stub: a message of the client's; NULL past the last. */\n"
    "const $in$ *$p$_$m$_stub_message(struct fake_stub_call *c, size_t message);\n";
static const char stub_message_source[] = "const $in$ *$p$_$m$_stub_message(struct fake_stub_call *c, size_t message)\n"
                                          "{\n"
                                          "    return (const $in$ *)(const void *)fake_stub_message(c, message);\n"
                                          "}\n\n";

static void both(struct parts *p, const struct var *vars, const char *header, const char *source)
{
    emit(&p->header, vars, header);
    emit(&p->source, vars, source);
}

static void write_method(struct parts *p, const struct var *given, const method_proto *method, struct arena *a)
{
    bool client = method->client_streaming, server = method->server_streaming;
    const char *in = given[4].value, *out = given[5].value;
    /* The first request is everything but what a client's stream holds; the newest one when both sides stream. */
    bool request = !client || server;
    const char *parameters =
        arena_printf(a, "void *arg, struct fake_stub_call *c%s%s%s%s%s%s", request ? ", const " : "", request ? in : "",
                     request ? " *request" : "", !server ? ", " : "", !server ? out : "", !server ? " *reply" : "");
    const char *arguments = arena_printf(a, "s->arg, c%s%s%s%s%s%s", request ? ", (const " : "", request ? in : "",
                                         request ? " *)(const void *)request" : "", !server ? ", (" : "",
                                         !server ? out : "", !server ? " *)(void *)reply" : "");
    const char *unused =
        arena_printf(a, "%s%s", request ? "" : "    (void)request;\n", !server ? "" : "    (void)reply;\n");
    const struct var vars[] = {given[0],
                               given[1],
                               given[2],
                               given[3],
                               given[4],
                               given[5],
                               {"stub_parameters", parameters != NULL ? parameters : ""},
                               {"stub_arguments", arguments != NULL ? arguments : ""},
                               {"stub_unused", unused != NULL ? unused : ""},
                               {NULL, NULL}};
    p->header.failed = p->header.failed || parameters == NULL || arguments == NULL || unused == NULL;
    static const char *const kinds[2][2] = {{"one request, one reply", "one request, a stream of replies"},
                                            {"a stream of requests, one reply", "both sides stream"}};
    text_printf(&p->header, "/* ---- %s: %s ---- */\n\n", method->name, kinds[client][server]);
    if (!client && !server)
        both(p, vars, unary_header, unary_source);
    else if (client)
        both(p, vars, open_header, open_source);
    else
        both(p, vars, open_request_header, open_request_source);
    if (client || server)
        both(p, vars, receive_header, receive_source);
    both(p, vars, count_header, count_source);
    if (client)
        both(p, vars, stream_args_header, stream_args_source);
    else
        both(p, vars, args_header, args_source);
    if (server)
        both(p, vars, replied_header, replied_source);
    if (client && server)
        both(p, vars, both_sends_header, both_sends_source);
    else if (server)
        both(p, vars, sends_header, sends_source);
    else
        both(p, vars, returns_header, returns_source);
    if (server)
        both(p, vars, stub_sends_header, stub_sends_source);
    if (client)
        both(p, vars, stub_message_header, stub_message_source);
    emit(&p->header, vars, stub_type);
    emit(&p->source, vars, stub_source);
    both(p, vars, common_header, common_source);
}

/* ---- a service -------------------------------------------------------------------------------------------------- */

static const char service_header[] =
    "/* Written by protoc-gen-harrow from $file$; not to be edited.\n"
    " *\n"
    " * A double of $service$: it records every call, answers as it is told, and never fails a test by itself. What "
    "holds\n"
    " * for all doubles is done with `fake`: fake_reset(), fake_verify_order(), fake_journal(), fake_serve() and the "
    "rest\n"
    " * of fakes/fakes.h and fakes/verify.h. What it hands out is its own, until it is reset or freed. */\n"
    "#ifndef HARROW_$guard$\n"
    "#define HARROW_$guard$\n\n"
    "#include \"fakes/typed.h\"\n"
    "#include \"fakes/verify.h\"\n"
    "$includes$\n"
    "struct $p$ {\n"
    "    struct fake *fake;\n"
    "    struct fake_c_service service; /* &x->service.base is a ProtobufCService */\n"
    "};\n\n"
    "struct $p$ *$p$_new(void); /* NULL: no memory */\n"
    "void $p$_free(struct $p$ *f);\n\n";

static const char service_source_top[] = "/* Written by protoc-gen-harrow from $file$; not to be edited. */\n"
                                         "#include \"$header$\"\n\n"
                                         "#include \"$descriptors$\"\n\n"
                                         "#include <stdlib.h>\n\n";

static const char service_source[] =
    "struct $p$ *$p$_new(void)\n"
    "{\n"
    "    struct $p$ *f = calloc(1, sizeof *f);\n"
    "    if (f == NULL || fake_new_from_set(BYTES($set$, sizeof $set$), \"$service$\", &f->fake, NULL) != 0) {\n"
    "        free(f);\n"
    "        return NULL;\n"
    "    }\n"
    "    fake_set_types(f->fake, inputs, outputs);\n"
    "    fake_c_service_init(&f->service, f->fake, &$lower$__descriptor);\n"
    "    return f;\n"
    "}\n\n"
    "void $p$_free(struct $p$ *f)\n"
    "{\n"
    "    if (f != NULL)\n"
    "        fake_free(f->fake);\n"
    "    free(f);\n"
    "}\n\n";

struct service {
    struct generator *g;
    struct gen_file *file;
    const service_proto *proto;
    const char *full_name, *prefix, *lower;
    const struct gen_type **inputs, **outputs;
};

static int need_message(struct service *s, const method_proto *m, const char *dotted, const struct gen_type **out)
{
    *out = gen_type(s->g, dotted);
    if (*out != NULL && (*out)->message != NULL)
        return 0;
    return gen_fail(s->g, s->file, ERROR_NOT_FOUND, "%s/%s: \"%.100s\" is no message of the request", s->full_name,
                    m->name, dotted != NULL ? dotted : "");
}

/* Of the file itself, and of those its methods' types are in. */
static void write_includes(const struct service *s, struct text *out)
{
    struct generator *g = s->g;
    for (size_t i = 0; i < g->file_count; i++)
        g->files[i].seen = &g->files[i] == s->file;
    for (size_t i = 0; i < s->proto->n_method; i++) {
        g->files[s->inputs[i]->file - g->files].seen = true;
        g->files[s->outputs[i]->file - g->files].seen = true;
    }
    for (size_t i = 0; i < g->file_count; i++)
        if (g->files[i].seen)
            text_printf(out, "#include \"%s.pb-c.h\"\n", g->files[i].stem);
}

static void write_types(const struct service *s, struct text *out)
{
    for (int side = 0; side < 2; side++) {
        text_printf(out, "static const ProtobufCMessageDescriptor *const %s[] = {\n", side == 0 ? "inputs" : "outputs");
        for (size_t i = 0; i < s->proto->n_method; i++)
            text_printf(out, "    &%s__descriptor,\n", (side == 0 ? s->inputs : s->outputs)[i]->lower);
        text_puts(out, s->proto->n_method > 0 ? "};\n" : "    NULL,\n};\n");
    }
    text_char(out, '\n');
}

static int write_methods(struct service *s, struct parts *p)
{
    struct generator *g = s->g;
    struct map taken = MAP_INIT;
    int code = 0;
    /* The double's own. */
    if (!map_put(&taken, "new", g) || !map_put(&taken, "free", g))
        code = gen_no_memory(g);
    for (size_t i = 0; i < s->proto->n_method && code == 0; i++) {
        const method_proto *m = s->proto->method[i];
        char *snake = name_snake(&g->arena, m->name);
        const char *name = snake != NULL ? name_unique(g, &taken, snake, forms) : NULL;
        const char *number = arena_printf(&g->arena, "%zu", i);
        const struct var vars[] = {{"p", s->prefix},        {"m", name},
                                   {"method", m->name},     {"i", number},
                                   {"in", s->inputs[i]->c}, {"out", s->outputs[i]->c}};
        if (name == NULL || number == NULL)
            code = gen_no_memory(g);
        else
            write_method(p, vars, m, &g->arena);
    }
    map_deinit(&taken);
    return code;
}

static int resolve_methods(struct service *s)
{
    size_t n = s->proto->n_method;
    s->inputs = ARENA_NEW_N(&s->g->arena, const struct gen_type *, n + 1);
    s->outputs = ARENA_NEW_N(&s->g->arena, const struct gen_type *, n + 1);
    int code = s->inputs != NULL && s->outputs != NULL ? 0 : gen_no_memory(s->g);
    for (size_t i = 0; i < n && code == 0; i++) {
        code = need_message(s, s->proto->method[i], s->proto->method[i]->input_type, &s->inputs[i]);
        if (code == 0)
            code = need_message(s, s->proto->method[i], s->proto->method[i]->output_type, &s->outputs[i]);
    }
    return code;
}

/* fake_store for store.Store, fake_events__store for events.Store. */
static const char *prefix_of(struct generator *g, const char *package, const char *full_name)
{
    static const char *const alone[] = {"", NULL};
    const char *lower = name_lower(&g->arena, full_name), *piece = name_lower(&g->arena, package);
    if (lower == NULL || piece == NULL)
        return NULL;
    size_t len = strlen(piece);
    const char *last = lower + len + 2;
    size_t tail = len > 0 ? strlen(last) : 0;
    bool doubled = tail > 0 && len >= tail && strcmp(piece + len - tail, last) == 0 &&
                   (len == tail || piece[len - tail - 1] == '_');
    char *name = arena_printf(&g->arena, "fake_%s", doubled ? piece : lower);
    return name != NULL ? name_unique(g, &g->c_names, name, alone) : NULL;
}

static char *file_name(struct generator *g, const struct gen_file *f, const service_proto *s, const char *lower)
{
    const char *snake = name_snake(&g->arena, s->name);
    char *name = snake != NULL ? arena_printf(&g->arena, "%sfakes/fake_%s.h", f->folder, snake) : NULL;
    if (name != NULL && map_get(&g->outputs, name) != NULL)
        name = arena_printf(&g->arena, "%sfakes/fake_%s.h", f->folder, lower);
    return name;
}

static int write_service(struct generator *g, struct gen_file *f, const service_proto *proto)
{
    const char *package = f->proto->package != NULL ? f->proto->package : "";
    struct service s = {.g = g, .file = f, .proto = proto};
    s.full_name = arena_printf(&g->arena, "%s%s%s", package, package[0] != '\0' ? "." : "", proto->name);
    s.lower = s.full_name != NULL ? name_lower(&g->arena, s.full_name) : NULL;
    s.prefix = s.full_name != NULL ? prefix_of(g, package, s.full_name) : NULL;
    char *header_name = s.lower != NULL ? file_name(g, f, proto, s.lower) : NULL;
    char *source_name = header_name != NULL ? arena_string(&g->arena, header_name) : NULL;
    const char *guard = header_name != NULL ? name_guard(&g->arena, header_name) : NULL;
    const char *base = strrchr(f->stem, '/') != NULL ? strrchr(f->stem, '/') + 1 : f->stem;
    char *descriptors = arena_printf(&g->arena, "%sfakes/%s_descriptors.h", f->folder, base);
    const char *set = descriptors_name(g, f);
    if (s.prefix == NULL || source_name == NULL || guard == NULL || descriptors == NULL || set == NULL)
        return gen_no_memory(g);
    source_name[strlen(source_name) - 1] = 'c';
    int code = resolve_methods(&s);
    if (code != 0)
        return code;
    struct parts p = {TEXT_INIT, TEXT_INIT};
    struct text includes = TEXT_INIT;
    write_includes(&s, &includes);
    const struct var vars[] = {{"file", f->proto->name},
                               {"service", s.full_name},
                               {"guard", guard},
                               {"p", s.prefix},
                               {"includes", text_string(&includes)},
                               {"header", header_name},
                               {"descriptors", descriptors},
                               {"set", set},
                               {"lower", s.lower},
                               {NULL, NULL}};
    both(&p, vars, service_header, service_source_top);
    write_types(&s, &p.source);
    emit(&p.source, vars, service_source);
    code = write_methods(&s, &p);
    text_puts(&p.header, "#endif\n");
    text_truncate(&p.source, p.source.len > 0 ? p.source.len - 1 : 0); /* the last blank line */
    if (code == 0)
        code = text_ok(&includes) && parts_ok(&p) ? gen_add_file(g, f, header_name, &p.header) : gen_no_memory(g);
    if (code == 0)
        code = gen_add_file(g, f, source_name, &p.source);
    text_deinit(&includes);
    text_deinit(&p.header);
    text_deinit(&p.source);
    return code;
}

int write_doubles(struct generator *g, struct gen_file *f)
{
    int code = 0;
    for (size_t i = 0; i < f->proto->n_service && code == 0; i++)
        code = write_service(g, f, f->proto->service[i]);
    return code;
}
