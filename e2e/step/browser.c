/* A page in a real browser: opened, looked at, clicked, filled in. Whatever is done waits until the page is ready for
 * it, and for no fixed time. */
#include "e2e/browser/browser.h"

#include "base/base64.h"
#include "base/json_text.h"
#include "base/units.h"
#include "e2e/kind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY ((uint64_t)(20 * MILLISECOND)) /* doubles */
#define LOOK_MAX   ((uint64_t)(250 * MILLISECOND))
#define PICTURES   "pictures"

/* What the page is like, and the first element that a selector names (of CSS). */
static const char look_script[] =
    "((s, shown) => {"
    " const all = s === '' ? [document.body] : document.querySelectorAll(s), e = all[0];"
    " const out = {url: location.href, title: document.title, ready: document.readyState, count: all.length};"
    " if (!e) return out;"
    " if (shown) e.scrollIntoView({block: 'center', inline: 'center'});"
    " const r = e.getBoundingClientRect(), style = getComputedStyle(e);"
    " out.visible = r.width > 0 && r.height > 0 && style.visibility !== 'hidden';"
    " out.enabled = !e.disabled;"
    " out.x = r.x + r.width / 2; out.y = r.y + r.height / 2;"
    " out.text = (e.innerText || '').trim().slice(0, 65536);"
    " out.texts = s === '' ? [] : [...all].slice(0, 1000).map(i => (i.innerText || '').trim().slice(0, 4096));"
    " if (typeof e.value === 'string') out.value = e.value;"
    " out.attributes = {}; for (const a of e.attributes) out.attributes[a.name] = a.value;"
    " return out; })";
static const char fill_script[] = "(s => { const e = document.querySelector(s); e.focus();"
                                  " if (e.select) e.select(); return e.tagName; })";
static const char choose_script[] =
    "((s, v) => { const e = document.querySelector(s);"
    " const o = [...e.options].find(o => o.value === v || o.text === v); if (!o) return false;"
    " e.value = o.value; e.dispatchEvent(new Event('input', {bubbles: true}));"
    " e.dispatchEvent(new Event('change', {bubbles: true})); return true; })";

struct look {
    const char *selector; /* "": the page */
    bool gone;            /* it must not be there, or not be seen */
    bool to_use;          /* it is scrolled to, and must be enabled */
};

static uint64_t left(struct flow_context *x, uint64_t end)
{
    uint64_t now = world_now(x->target->world);
    return now < end ? end - now : 1;
}

/* The value of a script's call with the arguments; NULL: the error is set. While a page is changed for another one
 * there is nothing to ask, which is ERROR_INVALID. */
static json_t *call_script(struct flow_context *x, const char *script, json_t *arguments, uint64_t timeout)
{
    struct text expression = TEXT_INIT;
    char *list = arguments != NULL ? json_text_by(arguments, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_t *value = NULL;
    if (list != NULL)
        text_printf(&expression, "%s(...%s)", script, list);
    if (list == NULL || !text_ok(&expression)) {
        flow_memory(x);
    } else {
        json_t *result =
            browser_ask(x, "Runtime.evaluate",
                        json_pack("{s:s, s:b}", "expression", text_string(&expression), "returnByValue", 1), timeout);
        const json_t *thrown = json_object_get(result, "exceptionDetails");
        const char *why = json_string_value(json_object_get(json_object_get(thrown, "exception"), "description"));
        if (thrown != NULL && why != NULL && strncmp(why, "SyntaxError", 11) == 0) {
            x->wrong = true;
            error_set(&x->error, ERROR_SYNTAX, "%.*s", (int)strcspn(why, "\n"), why);
        } else if (thrown != NULL) {
            error_set(&x->error, ERROR_INVALID, "%s", why != NULL ? why : "the page's script failed");
        } else if (result != NULL) {
            value = json_incref(json_object_get(json_object_get(result, "result"), "value"));
            if (value == NULL)
                error_set(&x->error, ERROR_INVALID, "the page told nothing");
        }
        json_decref(result);
    }
    free(list);
    text_deinit(&expression);
    json_decref(arguments);
    return value;
}

/* 0: it is so; else why not, in the error. */
static int judge_look(struct flow_context *x, const struct look *l, const json_t *seen)
{
    const char *ready = json_string_value(json_object_get(seen, "ready"));
    bool there = json_integer_value(json_object_get(seen, "count")) > 0;
    bool visible = there && json_is_true(json_object_get(seen, "visible"));
    if (l->selector[0] == '\0')
        return ready != NULL && strcmp(ready, "complete") == 0
                   ? 0
                   : error_set(&x->error, ERROR_TIMEOUT, "the page is not loaded in time");
    if (l->gone)
        return visible ? error_set(&x->error, ERROR_TIMEOUT, "\"%s\" is still there", l->selector) : 0;
    if (!there)
        return error_set(&x->error, ERROR_TIMEOUT, "the page has no \"%s\"", l->selector);
    if (!visible)
        return error_set(&x->error, ERROR_TIMEOUT, "\"%s\" is not to be seen", l->selector);
    if (l->to_use && !json_is_true(json_object_get(seen, "enabled")))
        return error_set(&x->error, ERROR_TIMEOUT, "\"%s\" is disabled", l->selector);
    return 0;
}

/* Looks again and again until it is so. NULL: the error says what was not: what the page said last, even where the time
 * was over before it answered once more. */
static json_t *look(struct flow_context *x, const struct look *l, uint64_t end)
{
    struct error before = ERROR_INIT;
    json_t *seen = NULL;
    for (uint64_t pause = LOOK_EVERY;; pause = pause * 2 < LOOK_MAX ? pause * 2 : LOOK_MAX) {
        error_clear(&x->error);
        seen = call_script(x, look_script, json_pack("[s, b]", l->selector, l->to_use), left(x, end));
        if (seen != NULL && judge_look(x, l, seen) == 0)
            break;
        bool again = (seen != NULL || x->error.code == ERROR_INVALID) && world_now(x->target->world) < end;
        bool late = seen == NULL && x->error.code == ERROR_TIMEOUT && before.code != 0;
        json_decref(seen);
        seen = NULL;
        if (late) {
            error_clear(&x->error);
            error_move(&x->error, &before);
        }
        if (!again)
            break;
        error_clear(&before);
        error_move(&before, &x->error);
        if (flow_sleep(x, pause) != 0) {
            error_set(&x->error, ERROR_CANCELLED, "interrupted");
            break;
        }
    }
    error_clear(&before);
    return seen;
}

/* ---- what is done ---- */

static int done(struct flow_context *x, json_t *result)
{
    json_decref(result);
    return result != NULL ? 0 : x->error.code;
}

static json_t *open_page(struct flow_context *x, const char *url, uint64_t end)
{
    json_t *result = browser_ask(x, "Page.navigate", json_pack("{s:s}", "url", url), left(x, end));
    const char *failed = json_string_value(json_object_get(result, "errorText"));
    if (failed != NULL)
        error_set(&x->error, ERROR_REFUSED, "%s cannot be opened: %s", url, failed);
    json_t *seen = result != NULL && failed == NULL ? look(x, &(struct look){.selector = ""}, end) : NULL;
    json_decref(result);
    return seen;
}

static int mouse(struct flow_context *x, const char *type, const json_t *at, uint64_t end)
{
    return done(x,
                browser_ask(x, "Input.dispatchMouseEvent",
                            json_pack("{s:s, s:f, s:f, s:s, s:i}", "type", type, "x",
                                      json_number_value(json_object_get(at, "x")), "y",
                                      json_number_value(json_object_get(at, "y")), "button", "left", "clickCount", 1),
                            left(x, end)));
}

static json_t *click(struct flow_context *x, const char *selector, uint64_t end)
{
    json_t *seen = look(x, &(struct look){.selector = selector, .to_use = true}, end);
    int code = seen != NULL ? mouse(x, "mousePressed", seen, end) : x->error.code;
    if (code == 0)
        code = mouse(x, "mouseReleased", seen, end);
    if (code == 0)
        return seen;
    json_decref(seen);
    return NULL;
}

static json_t *fill(struct flow_context *x, const char *selector, const char *text, uint64_t end)
{
    json_t *seen = look(x, &(struct look){.selector = selector, .to_use = true}, end);
    json_t *tag = seen != NULL ? call_script(x, fill_script, json_pack("[s]", selector), left(x, end)) : NULL;
    json_decref(seen);
    if (tag == NULL)
        return NULL;
    bool list = strcmp(json_is_string(tag) ? json_string_value(tag) : "", "SELECT") == 0;
    json_decref(tag);
    if (list) {
        json_t *chosen = call_script(x, choose_script, json_pack("[s, s]", selector, text), left(x, end));
        if (chosen != NULL && !json_is_true(chosen))
            error_set(&x->error, ERROR_NOT_FOUND, "\"%s\" has no choice \"%s\"", selector, text);
        json_decref(chosen);
    } else {
        done(x, browser_ask(x, "Input.insertText", json_pack("{s:s}", "text", text), left(x, end)));
    }
    return x->error.code == 0 ? look(x, &(struct look){.selector = selector}, end) : NULL;
}

static json_t *fill_all(struct flow_context *x, const struct node *fields, uint64_t end)
{
    json_t *seen = NULL;
    for (size_t i = 0; i < fields->map.count && x->error.code == 0; i++) {
        char *text = expand_text(x, &fields->map.pairs[i].value);
        json_decref(seen);
        seen = text != NULL ? fill(x, fields->map.pairs[i].key, text, end) : NULL;
        free(text);
    }
    return seen;
}

/* ---- pictures ---- */

/* "pictures/the-case-NAME.png", from the folder of the stream. */
static void picture_path(const struct flow_context *x, const char *name, struct text *out)
{
    const char *const parts[] = {x->run->name, "-", name};
    text_puts(out, PICTURES "/");
    for (size_t i = 0; i < 3; i++)
        for (const char *p = parts[i]; *p != '\0'; p++)
            text_char(out, isalnum((unsigned char)*p) ? *p : '-');
    text_puts(out, ".png");
}

static int keep_picture(struct flow_context *x, const char *name, struct bytes png)
{
    struct text path = TEXT_INIT, file = TEXT_INIT;
    picture_path(x, name, &path);
    text_printf(&file, "%s/" PICTURES, x->options->folder);
    int code =
        text_ok(&path) && text_ok(&file) ? world_make_directory(x->target->world, text_string(&file)) : ERROR_MEMORY;
    text_clear(&file);
    text_printf(&file, "%s/%s", x->options->folder, text_string(&path));
    if (code == 0)
        code = text_ok(&file) ? world_write_file(x->target->world, text_string(&file), png, false, &x->error)
                              : ERROR_MEMORY;
    if (code == 0)
        flow_emit(x, "picture",
                  json_pack("{s:s, s:s, s:s}", "case", x->run->name, "name", name, "picture", text_string(&path)));
    else if (x->error.code == 0)
        error_set(&x->error, code, "the picture cannot be kept: %s", error_code_name(code));
    text_deinit(&path);
    text_deinit(&file);
    return code;
}

static json_t *screenshot(struct flow_context *x, const char *name, uint64_t end)
{
    struct text png = TEXT_INIT;
    json_t *seen = look(x, &(struct look){.selector = ""}, end);
    json_t *result = seen != NULL
                         ? browser_ask(x, "Page.captureScreenshot", json_pack("{s:s}", "format", "png"), left(x, end))
                         : NULL;
    const char *data = json_string_value(json_object_get(result, "data"));
    if (data != NULL && base64_decode(&png, bytes_of(data)) && !text_ok(&png))
        flow_memory(x);
    else if (data != NULL && text_ok(&png) && png.len > 0)
        keep_picture(x, name, text_bytes(&png));
    else if (result != NULL)
        error_set(&x->error, ERROR_PROTOCOL, "the browser gave no picture");
    text_deinit(&png);
    json_decref(result);
    if (x->error.code == 0)
        return seen;
    json_decref(seen);
    return NULL;
}

/* ---- the kind ---- */

static json_t *act(struct flow_context *x, const struct node_pair *what, uint64_t end)
{
    json_t *seen = NULL;
    if (strcmp(what->key, "fill") == 0)
        return fill_all(x, &what->value, end);
    char *text = expand_text(x, &what->value);
    if (text == NULL)
        return NULL;
    if (strcmp(what->key, "open") == 0)
        seen = open_page(x, text, end);
    else if (strcmp(what->key, "click") == 0)
        seen = click(x, text, end);
    else if (strcmp(what->key, "screenshot") == 0)
        seen = screenshot(x, text, end);
    else
        seen = look(x, &(struct look){.selector = text, .gone = strcmp(what->key, "gone") == 0}, end);
    free(text);
    return seen;
}

static void say(struct flow_context *x, const struct node_pair *what)
{
    json_t *value = expand_node(x, &what->value);
    text_printf(&x->sent, "%s ", what->key);
    if (value != NULL)
        value_text(value, &x->sent);
    json_decref(value);
    error_clear(&x->error);
}

static int run(struct flow_context *x, const struct node *step)
{
    static const char *const ours[] = {"visible", "enabled", "ready", "x", "y"};
    const struct node *map = node_get(step, "browser");
    uint64_t end = world_now(x->target->world) + step_timeout(x, step);
    say(x, &map->map.pairs[0]);
    int code = browser_need(x, map, left(x, end));
    json_t *seen = code == 0 ? act(x, &map->map.pairs[0], end) : NULL;
    if (seen == NULL) {
        if (x->error.code != 0 && x->error.file == NULL)
            node_error(map, &x->error, x->error.code, "%s", x->error.message);
        return x->error.code;
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        json_object_del(seen, ours[i]);
    json_t *console = browser_complaints(x);
    if (console == NULL || json_object_set_new(seen, "console", console) != 0)
        code = flow_memory(x);
    x->answer = seen;
    return code;
}

/* A page that logs errors is not in order, unless the step says which it expects. */
static void judge(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    const json_t *console = json_object_get(x->answer, "console");
    if (json_array_size(console) == 0 || (expect != NULL && node_get(expect, "console") != NULL))
        return;
    x->wrong = true; /* it is said once */
    node_error(node_get(step, "browser"), &x->error, ERROR_INVALID, "the page logged an error: %s",
               json_string_value(json_array_get(console, 0)));
}

static int check(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    static const char *const actions[] = {"open", "click", "fill", "see", "gone", "screenshot", NULL};
    (void)f;
    (void)step;
    int code = node_only_keys(what, actions, err);
    if (code == 0 && what->map.count != 1)
        code = node_error(what, err, ERROR_INVALID,
                          "\"browser\" does one thing: open, click, fill, see, gone or screenshot");
    const struct node *value = code == 0 ? &what->map.pairs[0].value : NULL;
    bool fields = value != NULL && strcmp(what->map.pairs[0].key, "fill") == 0;
    if (fields && (value->kind != NODE_MAP || value->map.count == 0))
        code = node_error(value, err, ERROR_INVALID,
                          "\"fill\" is a map: selectors of fields, and what is typed into them");
    else if (value != NULL && !fields && (value->kind != NODE_TEXT || value->text.len == 0))
        code = node_error(value, err, ERROR_INVALID, "\"%s\" takes a text", what->map.pairs[0].key);
    return code;
}

static const struct step_key keys[] = {
    {"timeout", SHAPE_DURATION, "how long it may take until the page is so"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {"check", SHAPE_CHECKS, "queries of what came back, and what is expected of them"},
    {0},
};
static const struct step_key answer[] = {
    {"url", SHAPE_EXPECTED, "of the page"},
    {"title", SHAPE_EXPECTED, "of the page"},
    {"count", SHAPE_EXPECTED, "how many elements the selector names"},
    {"text", SHAPE_EXPECTED, "of the first of them, as it is seen; without a selector the page's"},
    {"texts", SHAPE_EXPECTED, "of all of them, a list"},
    {"value", SHAPE_EXPECTED, "of a field"},
    {"attributes", SHAPE_EXPECTED, "of the first element, by name"},
    {"console", SHAPE_EXPECTED, "errors the page logged or threw since the step before, a list"},
    {0},
};
const struct step_kind kind_browser = {
    .name = "browser",
    .about = "Does one thing in a page of a real browser",
    .shape = SHAPE_MAP,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
    .judge = judge,
    .processes = true,
};
