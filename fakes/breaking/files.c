/* Files and packages: what went, and options that generated code depends on. */
#include "fakes/breaking/internal.h"

#include <stddef.h>
#include <string.h>

static const struct schema_place nowhere = {.file = ""};

/* ---- what a file or a package holds ---- */

static bool synthetic(const struct schema_element *e)
{
    return e->message != NULL && e->message->options != NULL && e->message->options->map_entry;
}

/* By its name inside the file, so that a new package alone does not make all of a file's elements go. */
static const struct schema_element *counterpart(struct comparison *c, const struct schema_elements *now,
                                                const char *package, const char *nested_name)
{
    return schema_find(now, breaking_name(c, package, nested_name));
}

/* The innermost message around a nested name that is still there, in that file or (`anywhere`) in its package; else the
 * file without a line. */
static struct schema_place where_it_was(struct comparison *c, const struct schema_file *file, const char *nested_name,
                                        bool anywhere)
{
    char name[SCHEMA_NAME_MAX];
    size_t len = strlen(nested_name);
    if (len >= sizeof name)
        return (struct schema_place){.file = file->name};
    memcpy(name, nested_name, len + 1);
    for (char *dot; (dot = strrchr(name, '.')) != NULL;) {
        *dot = '\0';
        const struct schema_element *outer = counterpart(c, &c->now->messages, file->package, name);
        if (outer != NULL && (anywhere || outer->file == file))
            return schema_place(outer, NULL, 0);
    }
    return (struct schema_place){.file = file->name};
}

static const struct held {
    const char *word;
    size_t elements; /* in struct schema */
    enum breaking_rule_id of_file, of_package;
} kinds[] = {
    {"message", offsetof(struct schema, messages), MESSAGE_NO_DELETE, PACKAGE_MESSAGE_NO_DELETE},
    {"enum", offsetof(struct schema, enums), ENUM_NO_DELETE, PACKAGE_ENUM_NO_DELETE},
    {"extension", offsetof(struct schema, extensions), EXTENSION_NO_DELETE, PACKAGE_EXTENSION_NO_DELETE},
    {"service", offsetof(struct schema, services), SERVICE_NO_DELETE, PACKAGE_SERVICE_NO_DELETE},
};

static const struct schema_elements *elements(const struct schema *s, const struct held *kind)
{
    return (const struct schema_elements *)((const char *)s + kind->elements);
}

static bool package_exists(const struct schema *s, const char *package)
{
    for (size_t i = 0; i < s->files.count; i++)
        if (strcmp(s->files.items[i]->package, package) == 0)
            return true;
    return false;
}

static void compare_held(struct comparison *c, const struct held *kind)
{
    const struct schema_elements *before = elements(c->before, kind), *now = elements(c->now, kind);
    for (size_t i = 0; i < before->list.count; i++) {
        const struct schema_element *e = before->list.items[i];
        struct schema_file *file = schema_file(c->now, e->file->name);
        if (synthetic(e))
            continue;
        struct schema_place was = schema_place(e, NULL, 0);
        struct schema_place in_file = nowhere, in_package = nowhere;
        if (file != NULL) {
            in_file = where_it_was(c, file, e->nested_name, false);
            in_package = where_it_was(c, file, e->nested_name, true);
        }
        const struct schema_element *other = file != NULL ? counterpart(c, now, file->package, e->nested_name) : NULL;
        if (file != NULL && (other == NULL || other->file != file))
            breaking_tell(c, kind->of_file, in_file, was, e->full_name, "%s \"%s\" is not in this file any more",
                          kind->word, e->nested_name);
        if (package_exists(c->now, e->file->package) && schema_find(now, e->full_name) == NULL)
            breaking_tell(c, kind->of_package, in_package, was, e->full_name,
                          "%s \"%s\" is not in package \"%s\" any more", kind->word, e->nested_name, e->file->package);
    }
}

void breaking_packages(struct comparison *c)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        compare_held(c, &kinds[i]);
    for (size_t i = 0; i < c->before->files.count; i++) {
        struct schema_file *f = c->before->files.items[i];
        bool first = true;
        for (size_t k = 0; first && k < i; k++)
            first = strcmp(c->before->files.items[k]->package, f->package) != 0;
        if (first && !package_exists(c->now, f->package))
            breaking_tell(c, PACKAGE_NO_DELETE, nowhere, schema_file_place(f, (int32_t[]){FILE_PACKAGE}, 1), f->package,
                          "package \"%s\" is gone", f->package);
    }
}

/* ---- options ---- */

enum option_kind { OPTION_STRING, OPTION_BOOL, OPTION_OPTIMIZE };

static const struct file_option {
    enum breaking_rule_id rule;
    const char *name;
    enum option_kind kind;
    int32_t number; /* in FileOptions */
    size_t offset;
} file_options[] = {
#define OPTION(rule, field, kind, number)                                                                              \
    {                                                                                                                  \
        FILE_SAME_##rule, #field, OPTION_##kind, number, offsetof(Google__Protobuf__FileOptions, field)                \
    }
    OPTION(JAVA_PACKAGE, java_package, STRING, 1),
    OPTION(JAVA_OUTER_CLASSNAME, java_outer_classname, STRING, 8),
    OPTION(OPTIMIZE_FOR, optimize_for, OPTIMIZE, 9),
    OPTION(JAVA_MULTIPLE_FILES, java_multiple_files, BOOL, 10),
    OPTION(GO_PACKAGE, go_package, STRING, 11),
    OPTION(CC_GENERIC_SERVICES, cc_generic_services, BOOL, 16),
    OPTION(JAVA_GENERIC_SERVICES, java_generic_services, BOOL, 17),
    OPTION(PY_GENERIC_SERVICES, py_generic_services, BOOL, 18),
    OPTION(CC_ENABLE_ARENAS, cc_enable_arenas, BOOL, 31),
    OPTION(OBJC_CLASS_PREFIX, objc_class_prefix, STRING, 36),
    OPTION(CSHARP_NAMESPACE, csharp_namespace, STRING, 37),
    OPTION(SWIFT_PREFIX, swift_prefix, STRING, 39),
    OPTION(PHP_CLASS_PREFIX, php_class_prefix, STRING, 40),
    OPTION(PHP_NAMESPACE, php_namespace, STRING, 41),
    OPTION(PHP_METADATA_NAMESPACE, php_metadata_namespace, STRING, 44),
    OPTION(RUBY_PACKAGE, ruby_package, STRING, 45),
#undef OPTION
};

static const char *option_value(const schema_file_proto *f, const struct file_option *o)
{
    static const char *const optimize[] = {"", "SPEED", "CODE_SIZE", "LITE_RUNTIME"};
    if (f->options == NULL) /* the defaults of descriptor.proto */
        return o->kind == OPTION_STRING                ? ""
               : o->kind == OPTION_OPTIMIZE            ? "SPEED"
               : o->rule == FILE_SAME_CC_ENABLE_ARENAS ? "true"
                                                       : "false";
    const void *at = (const char *)f->options + o->offset;
    if (o->kind == OPTION_BOOL)
        return *(const protobuf_c_boolean *)at ? "true" : "false";
    if (o->kind == OPTION_OPTIMIZE) {
        int value = (int)*(const Google__Protobuf__FileOptions__OptimizeMode *)at;
        return value >= 1 && value <= 3 ? optimize[value] : "?";
    }
    const char *text = *(char *const *)at;
    return text != NULL ? text : "";
}

static void same_value(struct comparison *c, enum breaking_rule_id rule, struct schema_file *before,
                       struct schema_file *now, const int32_t *path, size_t path_len, const char *what,
                       const char *old_value, const char *new_value)
{
    if (strcmp(old_value, new_value) != 0)
        breaking_tell(c, rule, schema_file_place(now, path, path_len), schema_file_place(before, path, path_len),
                      now->name, "%s was \"%s\" and is \"%s\"", what, old_value, new_value);
}

static const char *syntax_name(struct comparison *c, const struct schema_file *f)
{
    const char *name = f->edition == 2   ? "proto2"
                       : f->edition == 3 ? "proto3"
                                         : arena_printf(&c->out->arena, "edition %d", f->edition);
    c->no_memory |= name == NULL;
    return name != NULL ? name : "";
}

static void compare_file(struct comparison *c, struct schema_file *before, struct schema_file *now)
{
    for (size_t i = 0; i < sizeof file_options / sizeof file_options[0]; i++) {
        const struct file_option *o = &file_options[i];
        same_value(c, o->rule, before, now, (int32_t[]){FILE_OPTIONS, o->number}, 2, breaking_name(c, "", o->name),
                   option_value(before->proto, o), option_value(now->proto, o));
    }
    same_value(c, FILE_SAME_SYNTAX, before, now, (int32_t[]){FILE_SYNTAX}, 1, "syntax", syntax_name(c, before),
               syntax_name(c, now));
    same_value(c, FILE_SAME_PACKAGE, before, now, (int32_t[]){FILE_PACKAGE}, 1, "package", before->package,
               now->package);
}

void breaking_files(struct comparison *c)
{
    for (size_t i = 0; i < c->before->files.count; i++) {
        struct schema_file *before = c->before->files.items[i], *now = schema_file(c->now, before->name);
        if (now != NULL)
            compare_file(c, before, now);
        else
            breaking_tell(c, FILE_NO_DELETE, nowhere, (struct schema_place){.file = before->name}, before->name,
                          "file \"%s\" is gone", before->name);
    }
}
