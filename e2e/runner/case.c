/* One run of a flow: its variables, its folder, its steps, what cleans up, and the case in the result stream. A run
 * that fails may be tried again; what failed first is told in any case. */
#include "base/json_copy.h"
#include "base/words.h"
#include "e2e/browser/browser.h"
#include "e2e/kind.h"
#include "e2e/runner/later.h"
#include "e2e/runner/run.h"
#include "e2e/runner/space.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int set_given_as(struct flow_context *x, const char *name, const char *value, bool typed)
{
    if (value == NULL)
        return 0;
    json_t *text = typed ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    if (text == NULL || json_is_object(text) || json_is_array(text)) { /* quotes keep "123" a text */
        json_decref(text);
        text = json_string(value);
    }
    if (text == NULL || json_object_set(x->run->given, name, text) != 0 || !secret_add_address(x, value) ||
        (variable_hidden(x, name) && !secret_add(x, text))) {
        json_decref(text);
        return flow_memory(x);
    }
    json_decref(text);
    return 0;
}

static int set_given(struct flow_context *x, const char *name, const char *value)
{
    return set_given_as(x, name, value, false);
}

/* A folder of its own for a flow that runs commands: ${scratch}. */
static int make_scratch(struct flow_context *x)
{
    struct text path = TEXT_INIT;
    if (!x->flow->commands || x->options->scratch == NULL)
        return 0;
    text_printf(&path, "%s/%d", x->options->scratch, x->flow->line);
    for (const char *p = x->run->name; *p != '\0'; p++)
        text_char(&path, isalnum((unsigned char)*p) ? *p : '-');
    int code = text_ok(&path) ? world_make_directory(x->target->world, text_string(&path)) : ERROR_MEMORY;
    if (code != 0)
        error_set(&x->error, code, "the flow's folder %s cannot be made: %s", text_string(&path),
                  error_code_name(code));
    x->scratch = text_take(&path);
    return code != 0 ? code : set_given(x, "scratch", x->scratch);
}

void case_drop_scratch(struct flow_context *x)
{
    if (x->scratch != NULL)
        (void)world_remove_tree(x->target->world, x->scratch);
    free(x->scratch);
    x->scratch = NULL;
}

/* "NAME=value" */
static int set_pairs(struct flow_context *x, const char *const *v, bool typed)
{
    int code = 0;
    for (; code == 0 && v != NULL && *v != NULL; v++) {
        size_t len = strcspn(*v, "=");
        struct text name = TEXT_INIT;
        text_add(&name, *v, len);
        code = text_ok(&name) ? set_given_as(x, text_string(&name), (*v)[len] == '=' ? *v + len + 1 : "", typed)
                              : flow_memory(x);
        text_deinit(&name);
    }
    return code;
}

int case_given(struct flow_context *x)
{
    int code = set_given(x, "token", x->target->token);
    if (code == 0)
        code = make_scratch(x);
    if (code == 0)
        code = set_given(x, "namespace", x->target->namespace);
    if (code == 0)
        code = set_given(x, "gateway", x->target->gateway);
    if (code == 0)
        code = space_given(x);
    if (code == 0)
        code = set_pairs(x, x->options->variables, false);
    return code != 0 ? code : set_pairs(x, x->options->asked, true);
}

/* Whoever runs the flows said what it is. */
static bool is_asked(const struct flow_context *x, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *v = x->options->asked; v != NULL && *v != NULL; v++)
        if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
            return true;
    return false;
}

int start_variables(struct flow_context *x, const struct flow *f, const json_t *with)
{
    const char *name;
    json_t *value, *walked;
    int code = json_object_update(x->variables, x->run->given) == 0 ? 0 : flow_memory(x);
    memcpy(&walked, &with, sizeof walked); /* jansson's iterators take an object that may be changed; this one is not */
    json_object_foreach(walked, name, value)
    {
        if (code == 0)
            code = variable_set(x, name, json_incref(value));
    }
    const struct node *own = f->variables;
    for (size_t i = 0; code == 0 && own != NULL && i < own->map.count; i++) {
        if (json_object_get(with, own->map.pairs[i].key) != NULL || is_asked(x, own->map.pairs[i].key))
            continue;
        json_t *expanded = expand_node(x, &own->map.pairs[i].value);
        code = expanded != NULL ? variable_set(x, own->map.pairs[i].key, expanded) : x->error.code;
    }
    return code;
}

/* ---- one attempt ---- */

/* The row's variables, in order: a later one may use an earlier one. "case" only names the row. */
static json_t *row_of(struct flow_context *x, const struct unit *u)
{
    json_t *row = u->row != NULL ? json_copy_whole(u->row) : json_object();
    bool ok = row != NULL && json_object_update(x->variables, x->run->given) == 0;
    for (size_t i = 0; ok && u->inline_row != NULL && i < u->inline_row->map.count; i++) {
        const struct node_pair *p = &u->inline_row->map.pairs[i];
        json_t *value = expand_node(x, &p->value);
        ok = value != NULL && json_object_set(row, p->key, value) == 0 &&
             variable_set(x, p->key, json_incref(value)) == 0;
        json_decref(value);
    }
    if (ok)
        return row;
    json_decref(row);
    if (x->error.code == 0)
        flow_memory(x);
    return NULL;
}

static bool begin(struct flow_context *x, const struct unit *u)
{
    x->variables = json_object();
    if (x->variables == NULL || x->run->given == NULL || x->run->secrets == NULL || x->run->cookies == NULL)
        return flow_memory(x) == 0;
    if (case_given(x) != 0)
        return false;
    json_t *row = row_of(x, u);
    int code = row != NULL ? 0 : x->error.code;
    if (code == 0 && u->what == UNIT_FLOW)
        code = stand_ins_open(x);
    const struct suite *suite = u->what == UNIT_SETUP ? u->suite->around : u->suite;
    while (suite != NULL && suite->variables == NULL)
        suite = suite->around;
    if (code == 0 && suite != NULL && json_object_update(x->variables, suite->variables) != 0)
        code = flow_memory(x);
    if (code == 0)
        code = start_variables(x, u->flow, row);
    json_decref(row);
    return code == 0;
}

/* The `before` of the folders, the outermost first, then of the file; the `after` of the file, then of the folders. The
 * steps of a folder's file name what that file includes. */
static bool run_around(struct flow_context *x, const struct flow *f, bool before)
{
    const struct flow *flow = x->flow, *around = f->file->around;
    bool passed = !before || around == NULL || run_around(x, around, before);
    x->flow = f;
    if (before)
        passed = passed && run_steps(x, f->file->before, "before ", false);
    else
        passed = run_steps(x, f->file->after, "after ", true);
    x->flow = flow;
    if (!before && around != NULL)
        passed = run_around(x, around, before) && passed;
    return passed;
}

static bool run_unit(struct flow_context *x, struct unit *u)
{
    const struct flow_file *file = u->flow->file;
    bool passed = true;
    if (u->what == UNIT_FLOW) {
        deadline_begin(x, u->flow);
        passed = run_around(x, u->flow, true) && run_steps(x, u->flow->steps, "", false);
        /* What a flow cleans up it cleans up whatever happened, every step of it. */
        deadline_begin(x, u->flow);
        passed = run_steps(x, u->flow->finally, "finally ", true) && passed;
        passed = run_around(x, u->flow, false) && passed;
    } else if (u->what == UNIT_SETUP) {
        passed = run_steps(x, file->setup, "setup ", false);
        json_decref(u->suite->variables);
        u->suite->variables = json_copy_whole(x->variables);
        u->suite->failed = !passed || u->suite->variables == NULL;
    } else {
        passed = run_steps(x, file->teardown, "teardown ", true);
    }
    return passed;
}

static void emit_case(struct flow_context *x, const struct unit *u, const char *status, uint64_t duration,
                      const struct flow_failure *f, struct later_tries *later)
{
    struct text told = TEXT_INIT;
    json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:I}", "pillar", x->options->pillar, "suite", u->flow->path, "name",
                          x->run->name, "status", status, "duration", (json_int_t)duration);
    bool ok = m != NULL;
    if (f->message.len > 0)
        ok = ok && json_object_set_new(m, strcmp(status, "skipped") == 0 ? "why" : "message",
                                       value_of_bytes(text_bytes(&f->message))) == 0;
    if (f->detail.len > 0)
        ok = ok && json_object_set_new(m, "detail", value_of_bytes(text_bytes(&f->detail))) == 0;
    later_text(later, &told);
    if (told.len > 0 || !text_ok(&told))
        ok = ok && text_ok(&told) && json_object_set_new(m, "later", value_of_bytes(text_bytes(&told))) == 0;
    text_deinit(&told);
    ok = ok && json_object_set_new(m, "file", json_string(f->file)) == 0 &&
         json_object_set_new(m, "line", json_integer(f->line)) == 0 &&
         json_object_set_new(m, "column", json_integer(f->column)) == 0;
    if (x->run->traced)
        ok = ok && json_object_set_new(m, "trace", json_string(x->run->trace)) == 0;
    if (x->run->tries > 1)
        ok = ok && json_object_set_new(m, "tries", json_integer(x->run->tries)) == 0;
    if (x->run->command.len > 0)
        ok = ok && json_object_set_new(m, "replay", json_string(text_string(&x->run->command))) == 0;
    if (!ok)
        x->target->results->broken = true; /* the line still goes out with what it has, so that the count is right */
    flow_emit(x, "case", m);
}

static bool attempt(struct target *t, const struct e2e_options *o, struct unit *u, struct flow_case *run, int tries,
                    struct fiber *fiber, struct http_session **http, json_t *held, struct flow_failure *failure)
{
    struct flow_context x = {.target = t,
                             .flow = u->flow,
                             .options = o,
                             .run = run,
                             .fiber = fiber,
                             .held = json_incref(held),
                             .http = *http,
                             .number = "",
                             .scope = run->name,
                             .failure = failure};
    bool there = space_enter(&x, u, tries), passed = there && begin(&x, u);
    if (there && !passed)
        note_failure(&x, document_root(u->flow->file->document), "");
    if (!passed && u->what == UNIT_SETUP)
        u->suite->failed = true;
    passed = passed && run_unit(&x, u);
    if (tries == 0)
        trace_tell(&x, passed);
    talks_close(&x);
    commands_close(&x);
    feeds_close(&x);
    browser_close(&x);
    stand_ins_close(&x);
    *http = x.http;
    x.http = NULL;
    case_drop_scratch(&x);
    passed = space_leave(&x, u) && passed;
    context_deinit(&x);
    return passed;
}

/* ---- with its retries ---- */

static void deinit_failure(struct flow_failure *f)
{
    text_deinit(&f->message);
    text_deinit(&f->detail);
}

/* NULL: it is not. */
static const char *why_skipped(const struct target *t, const struct unit *u, bool setup_failed)
{
    if (setup_failed)
        return "the setup of its file or folder failed";
    if (u->skipped)
        return SKIPPED_IN_SIMULATION;
    struct text program = TEXT_INIT;
    bool lacking = u->flow->browser && !browser_program(t->world, &program);
    text_deinit(&program);
    return lacking ? "it needs a browser, and no Chromium is found: install it (Debian's package chromium), or name it "
                     "in " BROWSER_VARIABLE
                   : NULL;
}

/* Of what is inside; a teardown runs after its own setup failed. */
static bool setup_has_failed(const struct unit *u)
{
    const struct suite *s = u->what == UNIT_FLOW ? u->suite : u->suite->around;
    while (s != NULL && !s->failed)
        s = s->around;
    return s != NULL;
}

enum unit_end unit_run(struct target *t, const struct e2e_options *o, struct unit *u, struct fiber *fiber,
                       struct http_session **http, json_t *held)
{
    struct flow_case run = {.name = u->name, .secrets = json_array(), .cookies = json_array(), .doubles = o->doubles};
    struct flow_failure first = {.file = u->flow->path, .line = u->flow->line, .column = u->flow->column};
    struct flow_context x = {.target = t, .flow = u->flow, .options = o, .run = &run, .held = held};
    struct later_tries tries = {0};
    uint64_t start = world_now(t->world);
    const char *skipped = why_skipped(t, u, setup_has_failed(u));
    bool passed = false;
    enum unit_end end = UNIT_SKIPPED;
    int attempts = 0;
    if (o->replay != NULL) {
        text_puts(&run.command, o->replay);
        if (u->filter[0] != '\0') {
            words_add(&run.command, "--only");
            words_add(&run.command, u->filter);
        }
    }
    if (skipped != NULL) {
        text_puts(&first.message, skipped);
        text_clear(&run.command);
        emit_case(&x, u, "skipped", 0, &first, &tries);
    } else {
        trace_begin(&x);
        bool cleans = u->what == UNIT_TEARDOWN; /* also when the user stops the run */
        for (; !passed && attempts <= o->retries && (!t->interrupted || (cleans && attempts == 0)); attempts++) {
            struct flow_failure later = {.file = first.file, .line = first.line, .column = first.column};
            bool again = attempts > 0;
            json_decref(run.given);
            run.given = json_object();
            json_array_clear(run.cookies);
            run.tries = attempts + 1;
            passed = attempt(t, o, u, &run, attempts, fiber, http, held, again ? &later : &first);
            if (again && !passed)
                later_add(&x, &tries, attempts + 1, &later);
            if (again)
                deinit_failure(&later);
        }
        end = passed ? (attempts > 1 ? UNIT_FLAKY : UNIT_PASSED) : UNIT_FAILED;
        if (t->interrupted)
            end = UNIT_INTERRUPTED;
        else
            emit_case(&x, u,
                      end == UNIT_FLAKY ? "flaky"
                      : passed          ? "passed"
                                        : "failed",
                      world_now(t->world) - start - run.asking, &first, &tries);
    }
    json_decref(run.given);
    json_decref(run.secrets);
    json_decref(run.cookies);
    map_deinit(&run.exchanged);
    text_deinit(&run.command);
    deinit_failure(&first);
    later_deinit(&tries);
    return end;
}
