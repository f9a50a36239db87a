/* What lies beside the stream: pictures. The stream may be anybody's, so a path only leads down from its folder. */
#include "reports/model.h"

#include <string.h>

/* "history-1.svg", "pictures/a.png": no way up, none from the root, nothing hidden. */
static bool is_plain(const char *path)
{
    size_t len = strlen(path);
    if (len < 5 || (strcmp(path + len - 4, ".svg") != 0 && strcmp(path + len - 4, ".png") != 0))
        return false;
    for (const char *at = path; *at != 0;) {
        size_t part = strcspn(at, "/");
        if (part == 0 || at[0] == '.')
            return false;
        at += part + (at[part] == '/');
    }
    return true;
}

static bool is_svg(struct bytes b)
{
    return b.len > 5 && (memcmp(b.data, "<svg ", 5) == 0 || memcmp(b.data, "<?xml", 5) == 0);
}

bool report_picture_is_png(struct bytes b)
{
    return b.len > 8 && memcmp(b.data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static const char *read_picture(struct report *r, struct world *w, const char *folder, struct report_picture *p)
{
    struct text content = TEXT_INIT;
    const char *problem = "", *path = arena_printf(&r->arena, "%s/%s", folder, p->path);
    if (!is_plain(p->path))
        return "not put in: a picture is an .svg or .png file below the run's folder";
    int code = path != NULL ? world_read_file(w, path, REPORT_PICTURE_MAX, &content, NULL) : ERROR_MEMORY;
    if (code == ERROR_LIMIT)
        problem = "not put in: it has more than 1 MiB";
    else if (code != 0)
        problem = error_code_name(code);
    else if (!is_svg(text_bytes(&content)) && !report_picture_is_png(text_bytes(&content)))
        problem = "not put in: it is no SVG and no PNG";
    else {
        const char *copy = arena_string_n(&r->arena, content.data, content.len);
        p->data = copy != NULL ? BYTES(copy, content.len) : BYTES(NULL, 0);
        problem = copy != NULL ? "" : NULL;
    }
    text_deinit(&content);
    return problem;
}

static bool attach(struct report *r, struct world *w, const char *folder, struct report_picture *p, size_t *count)
{
    for (; p != NULL; p = p->next) {
        if (p->path[0] == 0)
            continue;
        p->problem = (*count)++ < REPORT_PICTURES_MAX ? read_picture(r, w, folder, p)
                                                      : "not put in: the page has 64 pictures already";
        if (p->problem == NULL)
            return false;
    }
    return true;
}

int report_attach(struct report *r, struct world *w, const char *folder, struct error *err)
{
    size_t count = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < r->cases.count; i++)
        ok = attach(r, w, folder, &r->cases.items[i].picture, &count) &&
             attach(r, w, folder, r->cases.items[i].pictures, &count);
    for (size_t i = 0; ok && i < r->findings.count; i++)
        ok = attach(r, w, folder, &r->findings.items[i].picture, &count);
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}
