/* Who calls: the auth of Postman's requests. */
#include "e2e/import/postman/postman.h"

#include <string.h>

/* v2.1: a list of {key, value}; v2.0: a map. */
static void auth_value(struct postman *p, const struct node *from, const char *key, struct text *out)
{
    const struct node *value = node_get(from, key);
    for (size_t i = 0; from != NULL && from->kind == NODE_LIST && i < from->list.count; i++) {
        const struct node *name = node_get(&from->list.items[i], "key");
        if (name != NULL && name->kind == NODE_TEXT && bytes_is(name->text, key))
            value = node_get(&from->list.items[i], "value");
    }
    if (value != NULL && value->kind == NODE_TEXT)
        tree_say(&p->tree, value, out);
}

void postman_put_header(struct postman *p, const struct node *n, struct build_node *headers, const char *name,
                        struct text *value)
{
    struct build *b = &p->tree.build;
    struct build_node *one = build_map(b, tree_at(&p->tree, n));
    build_put(b, one, "name", tree_string(&p->tree, n, name));
    build_put(b, one, "value", tree_text(&p->tree, n, value));
    build_add(b, headers, one);
}

void postman_put_auth(struct postman *p, const struct node *auth, struct build_node *step, struct build_node *headers,
                      struct text *url)
{
    struct tree *t = &p->tree;
    const char *type = auth != NULL ? tree_member_text(t, auth, "type") : NULL;
    const struct node *of = type != NULL ? node_get(auth, type) : NULL;
    struct text value = TEXT_INIT, name = TEXT_INIT, where = TEXT_INIT;
    bool empty = (of == NULL || of->kind == NODE_NULL) && type != NULL && strcmp(type, "hawk") != 0 &&
                 strncmp(type, "oauth", 5) != 0;
    if (type == NULL || strcmp(type, "noauth") == 0 || empty)
        return;
    if (strcmp(type, "bearer") == 0) {
        text_puts(&value, "Bearer ");
        auth_value(p, of, "token", &value);
        postman_put_header(p, auth, headers, "authorization", &value);
    } else if (strcmp(type, "oauth2") == 0) { /* with the token that was given: none is fetched */
        auth_value(p, of, "accessToken", &value);
        auth_value(p, of, "addTokenTo", &where);
        auth_value(p, of, "headerPrefix", &name);
        if (value.len == 0)
            tree_error(t, auth, ERROR_UNSUPPORTED,
                       "oauth2 without an \"accessToken\": a flow fetches none; put {{token}} there, and give it with "
                       "--variable");
        if (strcmp(text_string(&where), "queryParams") == 0) {
            text_printf(url, "%caccess_token=%s", strchr(text_string(url), '?') != NULL ? '&' : '?',
                        text_string(&value));
        } else {
            while (name.len > 0 && name.data[name.len - 1] == ' ')
                text_truncate(&name, name.len - 1);
            if (name.len == 0)
                text_puts(&name, "Bearer");
            text_printf(&name, " %s", text_string(&value));
            postman_put_header(p, auth, headers, "authorization", &name);
        }
    } else if (strcmp(type, "digest") == 0 || strcmp(type, "ntlm") == 0) {
        struct build_node *curl = build_map(&t->build, tree_at(t, auth));
        auth_value(p, of, "username", &value);
        text_char(&value, ':');
        auth_value(p, of, "password", &value);
        build_put(&t->build, curl, "auth", tree_string(t, auth, type));
        build_put(&t->build, curl, "user", tree_text(t, auth, &value));
        build_put(&t->build, step, "curl", curl);
    } else if (strcmp(type, "awsv4") == 0) { /* libcurl's: PROVIDER1:PROVIDER2:REGION:SERVICE, and the keys as user */
        struct build_node *curl = build_map(&t->build, tree_at(t, auth));
        auth_value(p, of, "region", &name);
        auth_value(p, of, "service", &where);
        text_printf(&value, "aws:amz%s%s%s%s", name.len > 0 || where.len > 0 ? ":" : "",
                    name.len > 0    ? text_string(&name)
                    : where.len > 0 ? "us-east-1"
                                    : "",
                    where.len > 0 ? ":" : "", text_string(&where));
        build_put(&t->build, curl, "aws-sigv4", tree_text(t, auth, &value));
        text_clear(&value);
        auth_value(p, of, "accessKey", &value);
        text_char(&value, ':');
        auth_value(p, of, "secretKey", &value);
        build_put(&t->build, curl, "user", tree_text(t, auth, &value));
        build_put(&t->build, step, "curl", curl);
    } else if (strcmp(type, "basic") == 0) {
        auth_value(p, of, "username", &value);
        text_char(&value, ':');
        auth_value(p, of, "password", &value);
        build_put(&t->build, step, "user", tree_text(t, auth, &value));
    } else if (strcmp(type, "apikey") == 0) {
        auth_value(p, of, "key", &name);
        auth_value(p, of, "value", &value);
        auth_value(p, of, "in", &where);
        if (strcmp(text_string(&where), "query") == 0)
            text_printf(url, "%c%s=%s", strchr(text_string(url), '?') != NULL ? '&' : '?', text_string(&name),
                        text_string(&value));
        else
            postman_put_header(p, auth, headers, text_string(&name), &value);
    } else {
        tree_error(t, auth, ERROR_UNSUPPORTED,
                   "auth of the type \"%s\" cannot be said in a flow; bearer, basic, digest, ntlm, awsv4, apikey and "
                   "oauth2 with a token can",
                   type);
    }
    text_deinit(&value);
    text_deinit(&name);
    text_deinit(&where);
}
