#include "e2e/browser/reader.h"

#include "base/json_text.h"
#include "e2e/internal.h"

#include <string.h>

bool browser_reader_init(struct browser_reader *r)
{
    *r = (struct browser_reader){.complaints = json_array()};
    return r->complaints != NULL;
}

void browser_reader_deinit(struct browser_reader *r)
{
    json_decref(r->answer);
    json_decref(r->complaints);
    *r = (struct browser_reader){0};
}

json_int_t browser_reader_ask(struct browser_reader *r)
{
    json_decref(r->answer);
    r->answer = NULL;
    return ++r->asked;
}

/* ---- what the page complains of ---- */

static void complain(struct browser_reader *r, const char *text)
{
    if (text == NULL || json_array_size(r->complaints) >= BROWSER_COMPLAINTS_MAX)
        return;
    if (json_array_append_new(r->complaints, json_string(text)) != 0)
        r->memory = true;
}

/* What console.error() was given, each as far as it can be shown. */
static void console_error(struct browser_reader *r, const json_t *params)
{
    struct text line = TEXT_INIT;
    size_t i;
    json_t *argument;
    json_array_foreach(json_object_get(params, "args"), i, argument)
    {
        const json_t *value = json_object_get(argument, "value");
        const char *described = json_string_value(json_object_get(argument, "description"));
        text_puts(&line, i > 0 ? " " : "");
        if (value != NULL)
            value_text(value, &line);
        else
            text_puts(&line, described != NULL ? described : "?");
    }
    r->memory = r->memory || !text_ok(&line);
    complain(r, text_string(&line));
    text_deinit(&line);
}

static void on_event(struct browser_reader *r, const char *method, const json_t *params)
{
    if (strcmp(method, "Runtime.consoleAPICalled") == 0) {
        const char *type = json_string_value(json_object_get(params, "type"));
        if (type != NULL && (strcmp(type, "error") == 0 || strcmp(type, "assert") == 0))
            console_error(r, params);
    } else if (strcmp(method, "Runtime.exceptionThrown") == 0) {
        const json_t *details = json_object_get(params, "exceptionDetails");
        const char *text = json_string_value(json_object_get(json_object_get(details, "exception"), "description"));
        complain(r, text != NULL ? text : json_string_value(json_object_get(details, "text")));
    } else if (strcmp(method, "Log.entryAdded") == 0) {
        const json_t *entry = json_object_get(params, "entry");
        const char *level = json_string_value(json_object_get(entry, "level"));
        if (level != NULL && strcmp(level, "error") == 0)
            complain(r, json_string_value(json_object_get(entry, "text")));
    } else if (strcmp(method, "Inspector.targetCrashed") == 0) {
        r->crashed = true;
    }
}

/* ---- messages ---- */

void browser_reader_read(struct browser_reader *r, bool text, struct bytes message)
{
    json_error_t why = {0};
    json_t *tree = text ? json_text_read(message, 0, &why) : NULL;
    const char *method = json_string_value(json_object_get(tree, "method"));
    const json_t *id = json_object_get(tree, "id");
    if (text && tree == NULL && json_error_code(&why) == json_error_out_of_memory)
        r->memory = true;
    if (method != NULL)
        on_event(r, method, json_object_get(tree, "params"));
    else if (json_is_integer(id) && r->asked > 0 && json_integer_value(id) == r->asked && r->answer == NULL)
        r->answer = json_incref(tree);
    json_decref(tree);
}

json_t *browser_reader_result(const struct browser_reader *r, const char *method, struct error *err)
{
    const json_t *refused = json_object_get(r->answer, "error");
    const char *why = json_string_value(json_object_get(refused, "message"));
    json_t *result = json_object_get(r->answer, "result");
    if (refused == NULL && json_is_object(result))
        return json_incref(result);
    error_set(err, ERROR_INVALID, "the browser refuses %s: %s", method, why != NULL ? why : "no result");
    return NULL;
}

json_t *browser_reader_complaints(struct browser_reader *r)
{
    json_t *all = r->complaints, *fresh = !r->memory ? json_array() : NULL;
    if (fresh == NULL)
        return NULL;
    r->complaints = fresh;
    return all;
}
