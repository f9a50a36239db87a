/* What is expected: answers, and statuses with their details. */
#include "e2e/import/gctf/gctf.h"

#include "wire/grpc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void gctf_response(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct gctf_options options = section->options;
    options.partial = options.partial || call->partial;
    g->s.at = section->begin;
    call->scope_begin = build_count(call->messages);
    for (gctf_skip(&g->s, section->end); g->s.code == 0 && !g->b.failed && g->s.at < section->end;
         gctf_skip(&g->s, section->end))
        build_add(&g->b, call->messages, gctf_json(g, section->end, &options));
    call->scope_end = build_count(call->messages);
    call->scopes++;
    call->judged = true;
}

/* ---- errors ---- */

static void read_code(struct gctf *g, size_t end, struct build_node *expect)
{
    struct scan *s = &g->s;
    size_t at = s->at;
    int code = 0;
    while (s->at < end && isdigit(s->in.data[s->at]) && code < 100)
        code = code * 10 + (s->in.data[s->at++] - '0');
    if (s->at == at || code > 16)
        scan_fail(s, at, "a status' code is a number from 0 to 16");
    else
        build_put(&g->b, expect, "status", build_string(&g->b, at, grpc_status_name(code)));
}

static void read_member(struct gctf *g, const struct gctf_section *section, struct build_node *expect)
{
    struct scan *s = &g->s;
    struct text key = TEXT_INIT;
    /* What a status holds is not the answer's form: members are named, the rest may be there. */
    struct gctf_options o = {
        .partial = true, .unordered = section->options.partial, .tolerance = -1, .details = true, .whole = true};
    size_t at = s->at;
    if (gctf_key(g, section->end, &key) == 0) {
        gctf_skip(s, section->end);
        if (!scan_take(s, ":"))
            scan_fail(s, s->at, "expected \":\"");
        gctf_skip(s, section->end);
    }
    const char *name = text_string(&key);
    if (s->code != 0) {
        ;
    } else if (build_has(expect, strcmp(name, "code") == 0 ? "status" : name)) {
        scan_fail(s, at, "\"%.80s\" stands here a second time", name);
    } else if (strcmp(name, "code") == 0) {
        read_code(g, section->end, expect);
    } else if (strcmp(name, "message") == 0 && !scan_is(s, "\"") && !scan_is(s, "'")) {
        scan_fail(s, s->at, "\"message\" is a text");
    } else if (strcmp(name, "message") == 0) {
        build_put(&g->b, expect, name, gctf_json(g, section->end, NULL));
    } else if (strcmp(name, "details") == 0 && !scan_is(s, "[")) {
        scan_fail(s, s->at, "\"details\" is a list");
    } else if (strcmp(name, "details") == 0) {
        build_put(&g->b, expect, name, gctf_json(g, section->end, &o));
    } else {
        scan_fail(s, at, "an error has \"code\", \"message\" and \"details\", and no \"%.80s\"", name);
    }
    g->b.failed = g->b.failed || !text_ok(&key);
    text_deinit(&key);
}

void gctf_error(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct scan *s = &g->s;
    struct build *b = &g->b;
    s->at = section->begin;
    gctf_skip(s, section->end);
    size_t at = s->at < section->end ? s->at : section->at;
    call->error = call->judged = true;
    call->scopes++;
    if (s->at < section->end && scan_is(s, "{")) {
        s->at++;
        gctf_skip(s, section->end);
        if (!scan_take(s, "}"))
            do
                read_member(g, section, call->expect);
            while (gctf_more(g, section->end, "}"));
        /* All that came is named, and a status always has these two. */
        const char *missing = !build_has(call->expect, "status")    ? "code"
                              : !build_has(call->expect, "message") ? "message"
                                                                    : NULL;
        if (s->code == 0 && !section->options.partial && missing != NULL)
            scan_fail(s, at, "without partial no error is like this: \"%s\" is missing", missing);
    } else if (s->at < section->end && scan_is(s, "\"")) {
        if (section->options.partial)
            scan_fail(s, at, "with partial an error is {\"message\": \"...\"}");
        build_put(b, call->expect, "message", gctf_json(g, section->end, NULL));
    } else if (s->at < section->end) {
        scan_fail(s, s->at, "expected an error: {\"code\": 5, \"message\": \"not found\"}");
    }
    if (!section->options.partial && at != section->at && !build_has(call->expect, "details")) {
        struct build_node *none = build_map(b, at);
        build_put(b, none, "$absent", build_bool(b, at, true));
        build_put(b, call->expect, "details", none);
    }
    if (!build_has(call->expect, "status")) {
        struct build_node *other = build_map(b, at);
        build_put(b, other, "$not", build_string(b, at, "OK"));
        build_put(b, call->expect, "status", other);
    }
    gctf_skip(s, section->end);
    if (s->code == 0 && s->at < section->end)
        scan_fail(s, s->at, "expected the end of the section");
}
