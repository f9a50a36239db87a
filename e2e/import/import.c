/* The table of formats. */
#include "e2e/import/formats.h"
#include "e2e/kind.h"

#include <string.h>
#include <strings.h>

#define FILE_READ_MAX ((size_t)4 << 20) /* bytes */

const struct import_format *const import_formats[] = {&import_hurl, &import_gctf,    &import_examples,
                                                      &import_runn, &import_postman, NULL};

static bool ends_with(const char *path, const char *ending, size_t len)
{
    size_t have = strlen(path);
    return have > len && strncasecmp(path + have - len, ending, len) == 0;
}

const struct import_format *import_format_of(const char *path)
{
    for (size_t i = 0; import_formats[i] != NULL; i++)
        for (const char *p = import_formats[i]->endings; *p != '\0';) {
            size_t len = strcspn(p, " ");
            if (ends_with(path, p, len))
                return import_formats[i];
            p += len + strspn(p + len, " ");
        }
    return NULL;
}

/* Has the step a key that books have and flows do not? */
static bool is_of_book(const struct node *step)
{
    static const char *const keys[] = {"test", "bind", "include", "exec", "dump", "desc", "defer", "loop", "runner"};
    bool found = step->kind == NODE_MAP && step_kind_of(step) == NULL;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        found = found || node_get(step, keys[i]) != NULL;
    return found;
}

/* A book has steps and no flow's name. So has a flow file in which the name was forgotten, but its steps are flows'. */
const struct import_format *import_format_in(const struct node *root)
{
    const struct node *steps = node_get(root, "steps");
    bool named = node_get(root, "flow") != NULL || node_get(root, "flows") != NULL;
    if (steps == NULL || named)
        return NULL;
    bool book = node_get(root, "runners") != NULL || steps->kind == NODE_MAP;
    for (size_t i = 0; !book && steps->kind == NODE_LIST && i < steps->list.count; i++)
        book = is_of_book(&steps->list.items[i]);
    return book ? &import_runn : NULL;
}

const struct import_format *import_format_of_yaml(struct bytes input)
{
    struct document *d = NULL;
    bool read = document_parse_yaml_with(input, "", DOCUMENT_ALIASES, &d, NULL) == 0;
    const struct import_format *format = read ? import_format_in(document_root(d)) : NULL;
    document_free(d);
    return format;
}

const struct import_format *import_format_of_file(struct world *w, const char *path)
{
    const struct import_format *format = import_format_of(path);
    struct text content = TEXT_INIT;
    if (format == NULL && world_read_file(w, path, FILE_READ_MAX, &content, NULL) == 0)
        format = import_format_of_yaml(text_bytes(&content));
    text_deinit(&content);
    return format;
}

const struct import_format *import_format_named(const char *name)
{
    for (size_t i = 0; import_formats[i] != NULL; i++)
        if (strcmp(import_formats[i]->name, name) == 0)
            return import_formats[i];
    return NULL;
}

void import_flow_name(const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    for (const char *p = name; *p != '\0' && p != dot; p++)
        text_char(out, strchr("\"\n\r\t", *p) != NULL ? '_' : *p);
    if (out->len == 0)
        text_puts(out, "imported");
}
