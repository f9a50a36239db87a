/* Who looks: cookies, the tokens of forms, login and logout. */
#include "base/json_text.h"
#include "runtime/web/form.h"
#include "runtime/web/web.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void web_session_read(struct web_visit *v)
{
    const char *cookies = http_request_header(v->x, "cookie");
    struct arena *a = http_arena(v->x);
    const char *nonce = web_cookie(cookies, "micro-web", WEB_NONCE, a);
    v->token = web_cookie(cookies, "micro-token", WEB_TOKEN_MAX, a);
    if (nonce && strlen(nonce) == WEB_NONCE) {
        memcpy(v->nonce, nonce, WEB_NONCE + 1);
        return;
    }
    unsigned char drawn[WEB_NONCE / 2] = {0};
    if (world_entropy(v->web->world, drawn, sizeof drawn) != 0)
        return; /* without one no form is accepted */
    for (size_t i = 0; i < sizeof drawn; i++)
        snprintf(v->nonce + 2 * i, 3, "%02x", drawn[i]);
    v->nonce_fresh = true;
}

void web_form_token(const struct web_visit *v, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned size = 0;
    struct text words = TEXT_INIT;
    text_printf(&words, "%s.%s", v->nonce, v->token ? v->token : "");
    if (!text_ok(&words) ||
        !HMAC(EVP_sha256(), v->web->key, WEB_KEY_SIZE, (const unsigned char *)words.data, words.len, digest, &size))
        (void)world_entropy(v->web->world, digest, sizeof digest); /* then no form is good */
    text_deinit(&words);
    for (size_t i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* A browser says where a form was sent from; a page of ours is where our host is. */
static bool is_same_site(const struct web_visit *v)
{
    const char *origin = http_request_header(v->x, "origin"), *host = http_request_header(v->x, "host");
    const char *site = http_request_header(v->x, "sec-fetch-site");
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    const char *rest = strstr(origin, "://");
    return rest && host && strcmp(rest + 3, host) == 0;
}

bool web_post_allowed(struct web_visit *v, struct bytes shown)
{
    char wanted[65];
    web_form_token(v, wanted);
    if (!v->nonce_fresh && v->nonce[0] && is_same_site(v) && shown.len == 64 &&
        CRYPTO_memcmp(shown.data, wanted, 64) == 0)
        return true;
    web_problem(v, 403, "Not from here",
                "The form was not made for this browser, or is from before a restart or another login. Load the page "
                "again, and cookies must be allowed.");
    return false;
}

void web_to_login(struct web_visit *v)
{
    web_redirect(v, v->web->login_url);
}

void web_login_page(struct web_visit *v, int status, const char *message)
{
    struct text page = TEXT_INIT;
    char token[65];
    v->token = NULL; /* the page of somebody who is not logged in */
    web_form_token(v, token);
    web_page_begin(v, &page, "Login");
    if (message) {
        text_puts(&page, "<p class=\"problem\">");
        web_escape(&page, message);
        text_puts(&page, "</p>\n");
    }
    text_printf(&page,
                "<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"csrf\" value=\"%s\">"
                "<label for=\"u\">Account</label><input id=\"u\" name=\"username\" autocomplete=\"username\" required>"
                "<label for=\"p\">Secret</label><input id=\"p\" name=\"password\" type=\"password\" "
                "autocomplete=\"current-password\" required><button>Login</button></form>\n",
                token);
    web_page_end(v, &page, status);
}

struct credentials {
    struct text username, password, csrf;
};

static bool take(void *arg, const char *name, const char *value)
{
    struct credentials *c = arg;
    struct text *to = strcmp(name, "username") == 0   ? &c->username
                      : strcmp(name, "password") == 0 ? &c->password
                      : strcmp(name, "csrf") == 0     ? &c->csrf
                                                      : NULL;
    if (to) {
        text_clear(to);
        text_puts(to, value);
    }
    return true;
}

static bool is_token(const char *token)
{
    size_t len = strlen(token);
    return len > 0 && len <= WEB_TOKEN_MAX &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == len;
}

static void logged_in(struct web_visit *v, int status, json_t *answer, struct bytes text)
{
    const char *token = json_string_value(json_object_get(json_object_get(answer, "token"), "access_token"));
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    (void)text;
    if (status == 200 && token && is_token(token)) {
        char *cookie = arena_printf(http_arena(v->x), "micro-token=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict",
                                    token, WEB_LOGIN_LIFE);
        if (cookie)
            http_add_header(v->x, "Set-Cookie", cookie);
        web_redirect(v, "/");
    } else if (status == 0) {
        web_login_page(v, 502, "The gateway does not answer.");
    } else {
        web_login_page(v, status == 429 ? 429 : 401, detail ? detail : "The account or the secret is wrong.");
    }
}

void web_login(struct web_visit *v)
{
    struct credentials c = {0};
    int rc = web_form_each(http_body(v->x), take, &c);
    v->token = NULL;
    if (rc) {
        web_login_page(v, 400, "The form cannot be read.");
    } else if (web_post_allowed(v, text_bytes(&c.csrf))) {
        json_t *request =
            json_pack("{ss ss sI s{ss}}", "id", text_string(&c.username), "secret", text_string(&c.password),
                      "token_expiry", (json_int_t)WEB_LOGIN_LIFE, "options", "namespace", v->web->namespace);
        char *json = request ? json_text_of(request, 0) : NULL;
        json_decref(request);
        if (json)
            web_ask(v, "/auth/Auth/Token", "application/json", bytes_of(json), logged_in);
        else
            web_login_page(v, 400, "The account and the secret must be UTF-8.");
        if (json)
            OPENSSL_cleanse(json, strlen(json));
        free(json);
    }
    if (c.password.len > 0)
        OPENSSL_cleanse(c.password.data, c.password.len);
    text_deinit(&c.username);
    text_deinit(&c.password);
    text_deinit(&c.csrf);
}

void web_logout(struct web_visit *v)
{
    http_add_header(v->x, "Set-Cookie", "micro-token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
    web_redirect(v, "/");
}
