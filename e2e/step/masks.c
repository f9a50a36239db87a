#include "e2e/step/masks.h"

#include "base/text.h"

#include <ctype.h>

/* "display_name" as "displayName". */
static void put_path(struct text *out, const char *path)
{
    for (; *path != '\0'; path++)
        if (path[0] == '_' && islower((unsigned char)path[1]))
            text_char(out, (char)toupper((unsigned char)*++path));
        else
            text_char(out, *path);
}

/* A new text; NULL: this is no such object, or memory failed. */
static json_t *mask_text(const json_t *mask)
{
    const json_t *paths = json_object_get(mask, "paths"), *path;
    struct text out = TEXT_INIT;
    json_t *text = NULL;
    size_t i;
    bool are = json_is_array(paths) && json_object_size(mask) == 1;
    json_array_foreach(paths, i, path)
    {
        are = are && json_is_string(path);
        text_puts(&out, i > 0 ? "," : "");
        put_path(&out, are ? json_string_value(path) : "");
    }
    if (are && text_ok(&out))
        text = json_stringn(text_string(&out), out.len);
    text_deinit(&out);
    return text;
}

bool masks_to_texts(const struct pb_type *type, json_t *request)
{
    const char *name;
    json_t *member, *item, *text;
    bool changed = false;
    size_t i;
    if (type->known != PB_ORDINARY)
        return false;
    json_object_foreach(request, name, member)
    {
        const struct pb_field *f = pb_field_by_name(type, name);
        if (f == NULL || f->kind != PB_MESSAGE || f->map)
            continue;
        if (f->message->known == PB_FIELD_MASK && (text = mask_text(member)) != NULL)
            changed = json_object_set_new(request, name, text) == 0 || changed;
        else if (!f->repeated)
            changed = masks_to_texts(f->message, member) || changed;
        else
            json_array_foreach(member, i, item)
            {
                changed = masks_to_texts(f->message, item) || changed;
            }
    }
    return changed;
}
