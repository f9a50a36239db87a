/* Pictures (proto/image/image.proto), PNG and JPEG: kept in micro's blob store, seen over HTTP (image_serve.c), made
 * larger, smaller, cut and converted (picture.h). Those of other hosts are not fetched.
 *
 * Table "image": "picture:<id>" tells whose it is. It is written before the blob "image/<id>", so that no blob is left
 * that nobody knows of, and taken away after it. A picture whose blob is not there is none. */
#include "runtime/services/backend/image.h"

#include "base/base64.h"
#include "proto/image/image.pb-c.h"
#include "runtime/service/http.h"
#include "runtime/services/backend/blob.h"
#include "runtime/services/backend/picture.h"

#include <stdlib.h>
#include <string.h>

#define TABLE        "image"
#define NAME_LONGEST 100 /* characters */
#define ANSWER_MAX                                                                                                     \
    ((size_t)16 << 20) /* bytes of a picture that is answered with; of a message, as base64, two thirds */

struct record {
    char *owner, *name, *type;
    int64_t size, width, height, created;
};
#define FIELD(member, kind) BACKEND_FIELD(struct record, member, kind)
static const struct backend_field fields[] = {
    FIELD(owner, FIELD_TEXT), FIELD(name, FIELD_TEXT),  FIELD(type, FIELD_TEXT),   FIELD(size, FIELD_INT),
    FIELD(width, FIELD_INT),  FIELD(height, FIELD_INT), FIELD(created, FIELD_INT),
};
static const struct backend_shape shape = {TABLE, "what the store holds of this picture is damaged", fields,
                                           sizeof fields / sizeof *fields};

struct work {
    struct task task;
    char *owner;
    const char *name;
    struct bytes file;  /* as it came */
    bool as_url, whole; /* whole: kept as it came */
    enum picture_format format;
    int64_t width, height; /* 0, 0: as it is; one of them 0: in proportion */
    const Image__CropOptions *cut;
    char *id, *url;
    struct record record;
    uint64_t revision;
    void (*answer)(struct work *w, char *base64, char *url);
    struct bytes result;
};

static struct arena *memory(struct work *w)
{
    return w->task.memory;
}

static bool fail(struct work *w, int code, const char *why)
{
    micro_fail(w->task.call, code, w->task.id, "%s", why);
    return false;
}

static bool no_memory(struct work *w)
{
    task_no_memory(&w->task);
    return false;
}

static void picture_failed(struct work *w, int rc, const struct error *err)
{
    (void)fail(w,
               rc == ERROR_SYNTAX  ? 400
               : rc == ERROR_LIMIT ? 413
                                   : 507,
               err->message ? err->message : "out of memory");
}

static struct work *work_new(struct rpc_call *call, void *context, const char *id)
{
    char *owner = backend_owner(call, id);
    struct work *w = owner ? task_new(sizeof *w, context, call, id) : NULL;
    if (w)
        w->owner = owner;
    return w;
}

/* ---- URLs ----------------------------------------------------------------------------------------------------------
 */

char *image_id_of(struct arena *a, const char *url, bool *no_room)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : url;
    size_t prefix = strlen(IMAGE_PATH);
    *no_room = false;
    if (!path || strncmp(path, IMAGE_PATH, prefix) != 0)
        return NULL;
    path += prefix;
    if (strspn(path, "0123456789abcdef-") != IMAGE_ID_LEN || path[IMAGE_ID_LEN] != '/')
        return NULL;
    char *id = arena_string_n(a, path, IMAGE_ID_LEN);
    *no_room = !id;
    return id;
}

char *image_blob_key(struct arena *a, const char *id)
{
    return arena_printf(a, "image/%s", id);
}

static char *record_key(struct work *w)
{
    return arena_printf(memory(w), "picture:%s", w->id);
}

/* ---- keeping a picture ----------------------------------------------------------------------------------------------
 */

static void removed(struct task *t, const struct backend_answer *a)
{
    (void)a; /* a record without a blob does no harm */
    (void)fail((struct work *)t, 503, "the store did not keep the picture");
}

static void blob_kept(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    char *key = record_key(w);
    if (a->status == GRPC_OK)
        w->answer(w, NULL, w->url);
    else if (a->status == GRPC_RESOURCE_EXHAUSTED)
        (void)task_failed(t, a, 507);
    else if (key)
        task_delete(t, TABLE, key, removed);
    else
        (void)no_memory(w);
}

static void record_kept(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    char *key = image_blob_key(memory(w), w->id);
    if (task_failed(t, a, 503))
        return;
    t->next = blob_kept;
    t->asked = "the store";
    int rc =
        key ? blob_put(t->backend->service, memory(w), key, w->record.type, w->result, task_answer, t) : ERROR_MEMORY;
    if (rc)
        task_cannot_ask(t, rc);
}

static void keep(struct work *w, const struct picture *p)
{
    struct arena *m = memory(w);
    char uuid[37], *part = backend_part(m, w->name);
    w->id = micro_uuid(w->task.backend->world, uuid) == 0 ? arena_string(m, uuid) : NULL;
    w->url = w->id && part ? arena_printf(m, IMAGE_PATH "%s/%s", w->id, part) : NULL;
    w->record = (struct record){.owner = w->owner,
                                .name = arena_string(m, w->name),
                                .type = arena_string(m, picture_type(w->format)),
                                .size = (int64_t)w->result.len,
                                .width = p->width,
                                .height = p->height,
                                .created = backend_now(w->task.backend)};
    if (w->url && w->record.name && w->record.type)
        task_save(&w->task, &shape, record_key(w), &w->record, 0, record_kept);
    else
        (void)no_memory(w);
}

/* ---- the work on it -------------------------------------------------------------------------------------------------
 */

/* What is asked for beside the width and the height that are; 0: nothing is. */
static void proportions(const struct work *w, const struct picture *p, int64_t *width, int64_t *height)
{
    *width = w->width;
    *height = w->height;
    if (!*width && *height)
        *width = (*height * p->width + p->height / 2) / p->height;
    if (!*height && *width)
        *height = (*width * p->height + p->width / 2) / p->width;
    if (w->width || w->height) { /* a line stays one */
        *width = *width ? *width : 1;
        *height = *height ? *height : 1;
    }
}

static int replace(struct picture *p, int rc, struct picture *by)
{
    if (rc == 0) {
        picture_deinit(p);
        *p = *by;
    }
    return rc;
}

static int scale(struct work *w, struct picture *p, struct error *err)
{
    struct picture out = {0};
    int64_t width, height;
    proportions(w, p, &width, &height);
    if (!width || (width == p->width && height == p->height))
        return 0;
    if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX)
        return error_set(err, ERROR_LIMIT, "a picture has at most %d pixels a side", PICTURE_SIDE_MAX);
    return replace(p, picture_scale(p, (uint32_t)width, (uint32_t)height, &out, err), &out);
}

/* 0, half or all of the room that is left. */
static uint32_t offset(const char *anchor, const char *low, const char *high, uint32_t room)
{
    return strstr(anchor, low) ? 0 : strstr(anchor, high) ? room : room / 2;
}

static int cut(struct work *w, struct picture *p, struct error *err)
{
    const Image__CropOptions *c = w->cut;
    struct picture out = {0};
    if (!c)
        return 0;
    if ((uint32_t)c->width > p->width || (uint32_t)c->height > p->height)
        return error_set(err, ERROR_SYNTAX, "a part of %dx%d pixels cannot be cut from a picture of %ux%u", c->width,
                         c->height, p->width, p->height);
    uint32_t x = offset(c->anchor, "left", "right", p->width - (uint32_t)c->width),
             y = offset(c->anchor, "top", "bottom", p->height - (uint32_t)c->height);
    return replace(p, picture_cut(p, x, y, (uint32_t)c->width, (uint32_t)c->height, &out, err), &out);
}

static void give(struct work *w, const struct picture *p, struct bytes result)
{
    if (w->as_url) {
        const void *copy = w->whole ? (const void *)result.data : arena_copy(memory(w), result.data, result.len);
        w->result = BYTES(copy, result.len);
        if (copy)
            keep(w, p);
        else
            (void)no_memory(w);
        return;
    }
    struct text out = TEXT_INIT;
    text_printf(&out, "data:%s;base64,", picture_type(w->format));
    base64_encode(&out, result);
    if (result.len > ANSWER_MAX)
        (void)fail(w, 413, "the picture is too large for an answer: ask for its URL");
    else if (text_ok(&out))
        w->answer(w, out.data, NULL);
    else
        (void)no_memory(w);
    text_deinit(&out);
}

static void process(struct work *w)
{
    struct error err = ERROR_INIT;
    struct picture p = {0};
    struct text out = TEXT_INIT;
    enum picture_format is = picture_format_of(w->file);
    int rc = picture_read(w->file, &p, &err);
    if (rc == 0 && w->whole && is != w->format)
        rc = error_set(&err, ERROR_SYNTAX, "the picture is not what its name's ending says, but %s", picture_type(is));
    if (w->format == PICTURE_NONE)
        w->format = is;
    if (rc == 0)
        rc = scale(w, &p, &err);
    if (rc == 0)
        rc = cut(w, &p, &err);
    if (rc == 0 && !w->whole)
        rc = picture_write(&p, w->format, &out, &err);
    if (rc)
        picture_failed(w, rc, &err);
    else
        give(w, &p, w->whole ? w->file : text_bytes(&out));
    error_clear(&err);
    picture_deinit(&p);
    text_deinit(&out);
}

/* ---- where it comes from --------------------------------------------------------------------------------------------
 */

static void on_blob(void *arg, int status, const char *message, struct bytes blob, const char *type)
{
    struct work *w = arg;
    struct backend_answer a = {.status = status};
    (void)type;
    if (status != GRPC_OK)
        micro_error_parse(status, bytes_of(message), &a.error);
    if (status == GRPC_NOT_FOUND) {
        (void)fail(w, 404, "there is no such picture");
    } else if (!task_failed(&w->task, &a, 503)) {
        w->file = blob;
        process(w);
    }
}

static void from_url(struct work *w, const char *url)
{
    bool no_room;
    w->id = image_id_of(memory(w), url, &no_room);
    char *key = w->id ? image_blob_key(memory(w), w->id) : NULL;
    if (!w->id && !no_room) {
        (void)fail(w, 501, "that is no URL of a picture that was uploaded here: others are not fetched");
        return;
    }
    w->task.asked = "the store";
    int rc = key ? blob_get(w->task.backend->service, memory(w), key, on_blob, w) : ERROR_MEMORY;
    if (rc)
        task_cannot_ask(&w->task, rc);
}

static void from_base64(struct work *w, const char *uri)
{
    static const char mark[] = ";base64,";
    const char *at = strncmp(uri, "data:", 5) == 0 ? strstr(uri, mark) : NULL;
    struct text out = TEXT_INIT;
    struct bytes letters = at ? bytes_of(at + strlen(mark)) : bytes_of("");
    if (letters.len / 4 * 3 > PICTURE_BYTES_MAX) {
        (void)fail(w, 413, "the picture is too large: it has at most 10485760 bytes");
        return;
    }
    bool ok = at && base64_read(&out, letters, BASE64_BLANKS), room = text_ok(&out);
    const void *copy = ok && room ? arena_copy(memory(w), text_string(&out), out.len) : NULL;
    w->file = BYTES(copy, out.len);
    text_deinit(&out);
    if (!ok && room)
        (void)fail(w, 400, "base64 is a data URI, such as data:image/png;base64,iVBORw0KGgo=");
    else if (copy)
        process(w);
    else
        (void)no_memory(w);
}

/* The bytes are the request's, which live as long as the call. */
static void begin(struct work *w, const char *base64, const char *url, ProtobufCBinaryData file)
{
    int ways = (base64[0] != '\0') + (url[0] != '\0') + (file.len > 0);
    if (ways != 1)
        (void)fail(w, 400, "a picture is given in exactly one way: base64, url or file");
    else if (url[0])
        from_url(w, url);
    else if (base64[0])
        from_base64(w, base64);
    else {
        w->file = BYTES(file.data, file.len);
        process(w);
    }
}

/* False: the call was failed. */
static bool use_name(struct work *w, const char *name)
{
    if (!backend_check_text(w->task.call, w->task.id, "a name", name, 1, NAME_LONGEST))
        return false;
    w->name = name;
    w->format = picture_format_named(name);
    return w->format != PICTURE_NONE || fail(w, 400, "a name ends in .png, .jpg or .jpeg");
}

/* ---- the calls ------------------------------------------------------------------------------------------------------
 */

static void upload_answer(struct work *w, char *base64, char *url)
{
    Image__UploadResponse reply = IMAGE__UPLOAD_RESPONSE__INIT;
    (void)base64;
    reply.url = url;
    rpc_call_reply(w->task.call, &reply.base);
}

static void upload_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Image__UploadRequest *r = (const Image__UploadRequest *)(const void *)message;
    struct work *w = work_new(call, context, "image.Image.Upload");
    if (!w || !use_name(w, r->name))
        return;
    w->answer = upload_answer;
    w->as_url = w->whole = true;
    begin(w, r->base64, r->url, r->file);
}

#define ANSWER(name, type, init)                                                                                       \
    static void name(struct work *w, char *base64, char *url)                                                          \
    {                                                                                                                  \
        type reply = init;                                                                                             \
        if (base64)                                                                                                    \
            reply.base64 = base64;                                                                                     \
        if (url)                                                                                                       \
            reply.url = url;                                                                                           \
        rpc_call_reply(w->task.call, &reply.base);                                                                     \
    }
ANSWER(resize_answer, Image__ResizeResponse, IMAGE__RESIZE_RESPONSE__INIT)
ANSWER(convert_answer, Image__ConvertResponse, IMAGE__CONVERT_RESPONSE__INIT)

static bool check_size(struct work *w, const Image__ResizeRequest *r)
{
    static const char *const anchors[] = {"",     "center", "centre", "top left",    "top",         "top right",
                                          "left", "right",  "bottom", "bottom left", "bottom right"};
    const Image__CropOptions *c = r->cropoptions;
    bool known = !c;
    for (size_t i = 0; c && i < sizeof anchors / sizeof *anchors; i++)
        known = known || strcmp(c->anchor, anchors[i]) == 0;
    if (r->width < 0 || r->width > PICTURE_SIDE_MAX || r->height < 0 || r->height > PICTURE_SIDE_MAX)
        return fail(w, 400, "a width and a height are 0 to 10000");
    if (!r->width && !r->height && !c)
        return fail(w, 400, "a width, a height or a cut is required");
    if (c && (c->width < 1 || c->width > PICTURE_SIDE_MAX || c->height < 1 || c->height > PICTURE_SIDE_MAX))
        return fail(w, 400, "what is cut is 1 to 10000 pixels wide and high");
    return known || fail(w, 400, "an anchor is center, left, top right and the like");
}

static void resize_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Image__ResizeRequest *r = (const Image__ResizeRequest *)(const void *)message;
    struct work *w = work_new(call, context, "image.Image.Resize");
    if (!w || !check_size(w, r) || ((r->name[0] || r->outputurl) && !use_name(w, r->name)))
        return;
    w->answer = resize_answer;
    w->as_url = r->outputurl;
    w->width = r->width;
    w->height = r->height;
    w->cut = r->cropoptions;
    begin(w, r->base64, r->url, r->file);
}

static void convert_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Image__ConvertRequest *r = (const Image__ConvertRequest *)(const void *)message;
    struct work *w = work_new(call, context, "image.Image.Convert");
    if (!w || !use_name(w, r->name))
        return;
    w->answer = convert_answer;
    w->as_url = r->outputurl;
    begin(w, r->base64, r->url, r->file);
}

/* ---- Delete ---------------------------------------------------------------------------------------------------------
 */

static void delete_done(struct task *t, const struct backend_answer *a)
{
    static const Image__DeleteResponse empty = IMAGE__DELETE_RESPONSE__INIT;
    if (!task_failed(t, a, 503))
        rpc_call_reply(t->call, &empty.base);
}

static void blob_gone(struct task *t, const struct backend_answer *a)
{
    char *key = record_key((struct work *)t);
    if (a->status != GRPC_NOT_FOUND && task_failed(t, a, 503))
        return;
    if (key)
        task_delete(t, TABLE, key, delete_done);
    else
        task_no_memory(t);
}

static void delete_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    const struct backend_answer fine = {0};
    if (!task_take(t, &shape, a, &w->record, &w->revision))
        return;
    if (!w->revision) {
        delete_done(t, &fine);
    } else if (strcmp(w->record.owner, w->owner) != 0 && !backend_is_operator(micro_caller(t->call))) {
        (void)fail(w, 403, "that is somebody else's picture");
    } else {
        char *key = image_blob_key(memory(w), w->id);
        t->next = blob_gone;
        t->asked = "the store";
        int rc = key ? blob_remove(t->backend->service, memory(w), key, task_answer, t) : ERROR_MEMORY;
        if (rc)
            task_cannot_ask(t, rc);
    }
}

static void delete_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Image__DeleteRequest *r = (const Image__DeleteRequest *)(const void *)message;
    struct work *w = work_new(call, context, "image.Image.Delete");
    bool no_room;
    if (!w)
        return;
    w->id = image_id_of(memory(w), r->url, &no_room);
    char *key = w->id ? record_key(w) : NULL;
    if (!w->id && !no_room)
        (void)fail(w, 400, "that is no URL of a picture that was uploaded here");
    else if (key)
        task_read(&w->task, TABLE, key, false, delete_read);
    else
        (void)no_memory(w);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &image__##stem##_request__descriptor,                                                 \
        .output = &image__##stem##_response__descriptor, .unary = handler                                              \
    }
static const struct rpc_method methods[] = {
    METHOD("Upload", upload, upload_handler),
    METHOD("Resize", resize, resize_handler),
    METHOD("Convert", convert, convert_handler),
    METHOD("Delete", delete, delete_handler),
};
static const struct rpc_service served = {"image.Image", methods, sizeof methods / sizeof *methods};

struct image {
    struct backend *backend;
    struct http_server *http;
};

static void stop(void *state)
{
    struct image *i = state;
    if (!i)
        return;
    http_server_free(i->http);
    backend_stop(i->backend);
    free(i);
}

static int setup(struct micro_service *s, void **state, struct error *err)
{
    const struct http_server_options options = {.body_max = 1024};
    struct image *i = calloc(1, sizeof *i);
    void *backend = NULL;
    if (!i)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *state = i;
    int rc = backend_setup(s, &served, &backend, err);
    i->backend = backend;
    return rc ? rc : micro_service_serve_http(s, &options, IMAGE_PATH "{path=**}", image_serve, s, &i->http, err);
}

const struct micro_program backend_image = {.name = "image", .setup = setup, .stop = stop};
