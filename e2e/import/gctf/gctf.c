/* A file: sections one after the other, and the steps they become. */
#include "e2e/import/gctf/gctf.h"

#include "base/document_build.h"
#include "e2e/import/formats.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define RETRY_STEP 0.1 /* s longer each time, where no delay is said */

static const struct gctf_effort no_effort = {.timeout = -1, .retry = -1, .retry_delay = -1};

static void begin_call(struct gctf *g, size_t at, struct gctf_call *c)
{
    struct build *b = &g->b;
    struct gctf_call before = *c;
    *c = (struct gctf_call){
        .at = at,
        .requests = build_list(b, at),
        .messages = build_list(b, at),
        .captures = build_map(b, at),
        .checks = build_list(b, at),
        .metadata = before.step == NULL && before.metadata != NULL ? before.metadata : build_map(b, at),
        .expect = build_map(b, at),
        .effort = before.at == 0 && before.metadata == NULL ? no_effort : before.effort,
    };
}

static void duration(struct gctf *g, struct build_node *step, size_t at, const char *key, double seconds)
{
    char text[40];
    snprintf(text, sizeof text, "%.0fms", seconds * 1000);
    if (seconds > 0)
        build_put(&g->b, step, key, build_string(&g->b, at, text));
}

static void put_effort(struct gctf *g, const struct gctf_call *c)
{
    const struct gctf_effort *e = &c->effort;
    double tries = e->no_retry || e->retry < 0 ? 0 : e->retry;
    duration(g, c->step, c->at, "timeout", e->timeout);
    duration(g, c->step, c->at, "within",
             e->retry_delay >= 0 ? tries * e->retry_delay : RETRY_STEP * tries * (tries + 1) / 2);
}

static void end_call(struct gctf *g, struct gctf_call *c, struct build_node *steps)
{
    struct build *b = &g->b;
    if (c->step == NULL || g->s.code != 0)
        return;
    if (!c->judged) {
        scan_fail(&g->s, c->at, "nothing is expected of this call: RESPONSE, ERROR or ASSERTS is missing");
        return;
    }
    size_t requests = build_count(c->requests);
    if (requests > 0)
        build_put(b, c->step, "request", requests == 1 ? c->request : c->requests);
    if (build_count(c->metadata) > 0)
        build_put(b, c->step, "metadata", c->metadata);
    build_put(b, c->step, "defaults", build_bool(b, c->at, false));
    put_effort(g, c);
    if (build_count(c->messages) > 0) {
        struct build_node *begins = build_map(b, c->at);
        build_put(b, begins, "$begins", c->messages);
        build_put(b, c->expect, "messages", begins);
    }
    if (build_count(c->expect) > 0)
        build_put(b, c->step, "expect", c->expect);
    if (build_count(c->captures) > 0)
        build_put(b, c->step, "capture", c->captures);
    if (build_count(c->checks) > 0)
        build_put(b, c->step, "check", c->checks);
    if (!c->skip)
        build_add(b, steps, c->step);
}

static void endpoint(struct gctf *g, const struct gctf_section *section, struct gctf_call *c)
{
    struct bytes line;
    size_t at;
    struct text name = TEXT_INIT;
    g->s.at = section->begin;
    if (!gctf_line(&g->s, section->end, &line, &at)) {
        scan_fail(&g->s, section->begin, "expected package.Service/Method");
        return;
    }
    if (line.len > 0 && line.data[0] == '/')
        line = BYTES(line.data + 1, line.len - 1);
    if (memchr(line.data, '/', line.len) == NULL)
        scan_fail(&g->s, at, "expected package.Service/Method");
    gctf_say(line, &name);
    c->at = at;
    c->step = build_map(&g->b, at);
    build_put(&g->b, c->step, "call", gctf_node(g, at, &name));
    if (c->effort.name[0] != '\0')
        build_put(&g->b, c->step, "name", build_string(&g->b, at, c->effort.name));
    c->effort.name[0] = '\0';
}

static void request(struct gctf *g, const struct gctf_section *section, struct gctf_call *c)
{
    g->s.at = section->begin;
    for (gctf_skip(&g->s, section->end); g->s.code == 0 && !g->b.failed && g->s.at < section->end;
         gctf_skip(&g->s, section->end))
        build_add(&g->b, c->requests, c->request = gctf_json(g, section->end, NULL));
}

/* What belongs to no call. */
static bool of_file(struct gctf *g, const struct gctf_section *section)
{
    if (section->kind == GCTF_META)
        gctf_meta(g, section);
    else if (section->kind == GCTF_DATASET)
        gctf_dataset(g, section);
    else if (section->kind == GCTF_ADDRESS || section->kind == GCTF_TLS || section->kind == GCTF_PROTO ||
             section->kind == GCTF_BENCH)
        gctf_others(g, section);
    else
        return false;
    return true;
}

static void of_call(struct gctf *g, const struct gctf_section *section, struct gctf_call *c, bool attached)
{
    if (section->kind == GCTF_HEADERS)
        gctf_headers(g, section, c);
    else if (section->kind == GCTF_OPTIONS)
        gctf_settings(g, section, c);
    else if (c->step == NULL)
        scan_fail(&g->s, section->at, "this section belongs to a call: --- ENDPOINT --- stands before it");
    else if (section->kind == GCTF_REQUEST)
        request(g, section, c);
    else if (section->kind == GCTF_RESPONSE)
        gctf_response(g, section, c);
    else if (section->kind == GCTF_ERROR)
        gctf_error(g, section, c);
    else if (section->kind == GCTF_ASSERTS)
        gctf_asserts(g, section, c, attached);
    else
        gctf_extract(g, section, c);
}

static void read_sections(struct gctf *g, struct build_node *steps)
{
    struct gctf_call call = {0};
    struct gctf_section section, last = {.kind = GCTF_META};
    struct gctf_effort effort = no_effort;
    begin_call(g, 0, &call);
    while (gctf_next(g, &section, &effort)) {
        size_t next = section.end;
        bool attached = last.kind == GCTF_RESPONSE && last.options.with_asserts;
        if (last.options.with_asserts && section.kind != GCTF_ASSERTS)
            scan_fail(&g->s, last.at, "with_asserts wants ASSERTS right behind this section");
        if (section.kind == GCTF_ENDPOINT) {
            end_call(g, &call, steps);
            begin_call(g, section.at, &call);
            call.effort = effort;
            call.skip = section.options.skip;
            if (g->s.code == 0)
                endpoint(g, &section, &call);
            effort.name[0] = '\0';
        } else if (g->s.code == 0 && (section.options.skip || of_file(g, &section))) {
            ;
        } else if (g->s.code == 0) {
            call.effort = call.step == NULL || section.kind != GCTF_OPTIONS ? effort : call.effort;
            of_call(g, &section, &call, attached);
            effort = call.effort;
        }
        last = section;
        if (g->s.code == 0)
            g->s.at = next;
        if (g->s.code != 0 || g->b.failed)
            break;
    }
    if (g->s.code == 0 && last.options.with_asserts)
        scan_fail(&g->s, last.at, "with_asserts wants ASSERTS right behind this section");
    end_call(g, &call, steps);
    if (g->s.code == 0 && call.step == NULL)
        scan_fail(&g->s, 0, "there is no call in this file: --- ENDPOINT --- is missing");
}

static void put_left_out(struct gctf *g)
{
    if (g->left_out.len > 0 && !build_has(g->root, "about"))
        build_put(&g->b, g->root, "about", gctf_node(g, 0, &g->left_out));
    g->b.failed = g->b.failed || (g->told != NULL && !text_ok(g->told));
    text_deinit(&g->left_out);
}

static int parse_told(struct bytes input, const char *name, struct text *told, struct document **out, struct error *err)
{
    struct gctf g = {.told = told, .inside = ERROR_INIT};
    struct text title = TEXT_INIT;
    int code = document_new(input, name, false, &g.b.document, err);
    if (code != 0)
        return code;
    g.s.in = g.b.document->input;
    if (scan_is(&g.s, "\xEF\xBB\xBF"))
        g.s.at = 3;
    g.root = build_map(&g.b, 0);
    struct build_node *steps = build_list(&g.b, 0);
    read_sections(&g, steps);
    if (!g.named) {
        import_flow_name(name, &title);
        build_put(&g.b, g.root, "flow", gctf_node(&g, 0, &title));
    }
    put_left_out(&g);
    if (build_count(steps) == 0) { /* all calls are skipped */
        struct build_node *nothing = build_map(&g.b, 0);
        build_put(&g.b, nothing, "set", build_map(&g.b, 0));
        build_add(&g.b, steps, nothing);
    }
    build_put(&g.b, g.root, "steps", steps);
    if (g.s.code == ERROR_MEMORY || g.b.failed)
        code = document_no_memory(g.b.document, err);
    else if (g.inside.code != 0)
        code = error_move(err, &g.inside);
    else if (g.s.code != 0)
        code = document_error(g.b.document, g.s.bad, err, g.s.code, "%s", g.s.why);
    else
        code = build_finish(&g.b, g.root, err);
    error_clear(&g.inside);
    if (code != 0)
        document_free(g.b.document);
    else
        *out = g.b.document;
    return code;
}

static int parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return parse_told(input, name, NULL, out, err);
}

const struct import_format import_gctf = {
    .name = "gctf",
    .about = "Test files of grpctestify and gripmock",
    .endings = ".gctf",
    .parse = parse,
    .parse_told = parse_told,
};
