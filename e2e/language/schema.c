/* The JSON Schema of flow files, from the tables the loader reads. Editors complete and check by it; the loader checks
 * more (paths, regular expressions, what goes with what). */
#include "base/json_build.h"
#include "base/json_text.h"
#include "e2e/kind.h"

#include <stdio.h>

static json_t *reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/definitions/", name);
}

static json_t *map_of(json_t *values)
{
    return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", values);
}

static json_t *list_of(json_t *items)
{
    return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *object_of(const struct step_key *keys, const char *const *required);

static json_t *shape_schema(enum shape shape, const struct step_key *answer)
{
    switch (shape) {
    case SHAPE_ANY:
        return json_object();
    case SHAPE_TEXT:
        return json_pack("{s:s}", "type", "string");
    case SHAPE_FLAG:
        return json_pack("{s:s}", "type", "boolean");
    case SHAPE_DURATION:
        return json_pack("{s:s, s:s}", "type", "string", "pattern", "^([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h|d))+$|^0$");
    case SHAPE_MAP:
        return json_pack("{s:s}", "type", "object");
    case SHAPE_LIST:
        return json_pack("{s:s}", "type", "array");
    case SHAPE_NAMES:
        return json_pack("{s:s, s:o}", "type", "object", "propertyNames", reference("variable"));
    case SHAPE_WORDS:
        return list_of(json_pack("{s:s}", "type", "string"));
    case SHAPE_CHECKS:
        return list_of(json_pack("{s:s}", "type", "string"));
    case SHAPE_CAPTURES:
        return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames", reference("variable"),
                         "additionalProperties",
                         json_pack("{s:[{s:s, s:s}, {s:s, s:[s], s:{s:{s:s, s:s}, s:{s:s}, s:{s:[s]}}, s:b}]}", "anyOf",
                                   "type", "string", "pattern", "^[$a-z]", "type", "object", "required", "path",
                                   "properties", "path", "type", "string", "pattern", "^\\$", "regex", "type", "string",
                                   "decode", "enum", "base64", "additionalProperties", 0));
    case SHAPE_EXPECTED:
        return reference("expected");
    case SHAPE_ANSWER:
        return object_of(answer, NULL);
    case SHAPE_SNAPSHOT:
        return json_pack("{s:[{s:s}, {s:s, s:[s], s:{s:{s:s}, s:{s:s, s:s}, s:o}, s:b}]}", "anyOf", "type", "string",
                         "type", "object", "required", "name", "properties", "name", "type", "string", "of", "type",
                         "string", "pattern", "^\\$", "except", list_of(json_pack("{s:s}", "type", "string")),
                         "additionalProperties", 0);
    case SHAPE_TRUTHS:
        return map_of(reference("expected"));
    case SHAPE_STEPS:
        return reference("steps");
    case SHAPE_BRANCHES:
        break;
    }
    return map_of(reference("steps"));
}

static void add_key(json_t **properties, const struct step_key *key, const struct step_key *answer)
{
    json_t *schema = shape_schema(key->shape, answer);
    json_build_set(&schema, "description", json_string(key->about));
    json_build_set(properties, key->name, schema);
}

static json_t *object_with(json_t *properties, const char *const *required)
{
    json_t *out = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);
    if (required == NULL)
        return out;
    json_t *needed = json_array();
    for (; *required != NULL; required++)
        json_build_add(&needed, json_string(*required));
    json_build_set(&out, "required", needed);
    return out;
}

static json_t *object_of(const struct step_key *keys, const char *const *required)
{
    json_t *properties = json_object();
    for (; keys->name != NULL; keys++)
        add_key(&properties, keys, NULL);
    return object_with(properties, required);
}

/* ---- definitions ---- */

static json_t *step_schema(const struct step_kind *kind)
{
    const struct step_key verb = {kind->name, kind->shape, kind->about};
    static const struct step_key name = {"name", SHAPE_TEXT, "what reports call the step"};
    const char *const required[] = {kind->name, NULL};
    json_t *properties = json_object();
    add_key(&properties, &verb, NULL);
    add_key(&properties, &name, NULL);
    for (const struct step_key *key = kind->keys; key->name != NULL; key++)
        add_key(&properties, key, kind->answer);
    if (kind->answer != NULL)
        add_key(&properties, &snapshot_key, NULL);
    return object_with(properties, required);
}

static json_t *matcher_schema(const struct matcher *m)
{
    static const char *const types[] = {"map", "list", "text", "number", "bool", "null", NULL};
    json_t *out = NULL, *list = NULL;
    switch (m->wants) {
    case WANTS_FLAG:
        out = json_pack("{s:s}", "type", "boolean");
        break;
    case WANTS_REGEX:
        out = json_pack("{s:s}", "type", "string");
        break;
    case WANTS_NUMBER: /* or a duration, or a variable */
        out = json_pack("{s:[s, s]}", "type", "number", "string");
        break;
    case WANTS_SIZE:
        out = json_pack("{s:[s, s, s]}", "type", "integer", "string", "object");
        break;
    case WANTS_LIST:
        out = list_of(reference("expected"));
        break;
    case WANTS_SHAPE:
        out = json_pack("{s:[s, s, s]}", "type", "string", "object", "array");
        break;
    case WANTS_TYPE:
        list = json_array();
        for (size_t i = 0; types[i] != NULL; i++)
            json_build_add(&list, json_string(types[i]));
        out = json_pack("{s:o}", "enum", list);
        break;
    case WANTS_EXPECTED:
        out = reference("expected");
        break;
    case WANTS_VALUE:
        out = json_object();
        break;
    }
    json_build_set(&out, "description", json_string(m->about));
    return out;
}

/* A value with expectations inside, or a map of matchers. */
static json_t *expected_schema(void)
{
    json_t *properties = json_object();
    for (const struct matcher *m = matchers; m->name != NULL; m++)
        json_build_set(&properties, m->name, matcher_schema(m));
    return json_pack("{s:[{s:[s, s, s, s]}, o, {s:s, s:{s:s}, s:o}, {s:s, s:i, s:o, s:b}]}", "anyOf", "type", "null",
                     "boolean", "number", "string", list_of(reference("expected")), "type", "object", "propertyNames",
                     "pattern", "^([^$]|$)", "additionalProperties", reference("expected"), "type", "object",
                     "minProperties", 1, "properties", properties, "additionalProperties", 0);
}

static json_t *definitions(void)
{
    json_t *out = json_object(), *steps = json_array();
    for (size_t i = 0; step_kinds[i] != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, "step_%s", step_kinds[i]->name);
        json_build_set(&out, name, step_schema(step_kinds[i]));
        json_build_add(&steps, reference(name));
    }
    static const char *const flow[] = {"flow", "steps", NULL}, *const contract[] = {"contract", "provider", "steps",
                                                                                    NULL};
    static const char *const file[] = {"flows", NULL};
    json_build_set(&out, "steps", list_of(json_pack("{s:o}", "anyOf", steps)));
    json_build_set(&out, "expected", expected_schema());
    json_build_set(&out, "variable",
                   json_pack("{s:s, s:i, s:{s:[s, s, s, s]}}", "pattern", "^[A-Za-z_][A-Za-z0-9_-]*$", "maxLength", 63,
                             "not", "enum", "unique", "fake", "env", "now"));
    json_build_set(&out, "flow", object_of(flow_keys, flow));
    json_build_set(&out, "contract", object_of(contract_keys, contract));
    json_t *of_file = object_of(file_keys, file);
    if (json_object_set_new(json_object_get(json_object_get(of_file, "properties"), "flows"), "items",
                            json_pack("{s:[o, o]}", "anyOf", reference("flow"), reference("contract"))) != 0) {
        json_decref(of_file);
        of_file = NULL;
    }
    json_build_set(&out, "file", of_file);
    json_build_set(&out, "fixtures", object_of(fixture_keys, NULL));
    return out;
}

bool flow_schema(struct text *out)
{
    json_t *schema = json_pack("{s:s, s:s, s:[o, o, o, o], s:o}", "$schema", "http://json-schema.org/draft-07/schema#",
                               "title", "harrow flows", "anyOf", reference("flow"), reference("contract"),
                               reference("file"), reference("fixtures"), "definitions", definitions());
    json_text_add(out, schema, 1, 0);
    text_char(out, '\n');
    json_decref(schema);
    return text_ok(out);
}
