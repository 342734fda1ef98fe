/* Header blocks, split into name-value pairs, and the names in them: each is judged once, in Python, and remembered. */

#include "_speedups_environ.h"

/* What has to be looked at, and what is sent so often that its name is worth interning. */
static const struct {
    const char *name;
    enum kind kind;
    int flags;
} KNOWN[] = {
    {"AUTH_TYPE", AUTH_TYPE, ABSENT_WHEN_EMPTY},
    {"CONTENT_LENGTH", CONTENT_LENGTH, ABSENT_WHEN_EMPTY},
    {"CONTENT_TYPE", ORDINARY, ABSENT_WHEN_EMPTY},
    {"DOCUMENT_URI", DOCUMENT_URI, 0},
    {"HTTPS", HTTPS, ABSENT_WHEN_EMPTY},
    {"HTTP_ACCEPT", ORDINARY, 0},
    {"HTTP_ACCEPT_ENCODING", ORDINARY, 0},
    {"HTTP_ACCEPT_LANGUAGE", ORDINARY, 0},
    {"HTTP_AUTHORIZATION", HTTP_AUTHORIZATION, ABSENT_WHEN_EMPTY | SECRET},
    {"HTTP_CONTENT_LENGTH", ORDINARY, UNUSUAL},
    {"HTTP_COOKIE", ORDINARY, SECRET},
    {"HTTP_HOST", HTTP_HOST, ABSENT_WHEN_EMPTY},
    {"HTTP_IF_MODIFIED_SINCE", ORDINARY, 0},
    {"HTTP_IF_NONE_MATCH", ORDINARY, 0},
    {"HTTP_REFERER", ORDINARY, 0},
    {"HTTP_TRANSFER_ENCODING", ORDINARY, UNUSUAL},
    {"HTTP_USER_AGENT", ORDINARY, 0},
    {"HTTP_X_FORWARDED_FOR", ORDINARY, 0},
    {"HTTP_X_FORWARDED_PROTO", ORDINARY, 0},
    {"PATH_INFO", PATH_INFO, DERIVED},
    {"QUERY_STRING", QUERY_STRING, 0},
    {"REDIRECT_HTTP_AUTHORIZATION", REDIRECT_HTTP_AUTHORIZATION, SECRET},
    {"REMOTE_IDENT", ORDINARY, ABSENT_WHEN_EMPTY},
    {"REMOTE_USER", REMOTE_USER, ABSENT_WHEN_EMPTY},
    {"REQUEST_METHOD", REQUEST_METHOD, 0},
    {"REQUEST_SCHEME", REQUEST_SCHEME, 0},
    {"REQUEST_URI", REQUEST_URI, 0},
    {"SCGI", SCGI, 0},
    {"SCRIPT_NAME", SCRIPT_NAME, DERIVED},
    {"SERVER_NAME", SERVER_NAME, 0},
    {"SERVER_PORT", SERVER_PORT, 0},
    {"SERVER_PROTOCOL", SERVER_PROTOCOL, 0},
    {"SERVER_SOFTWARE", SERVER_SOFTWARE, 0},
};

/* --- name-value pairs ------------------------------------------------------------------------------------------- */

static const unsigned char *read_size(const unsigned char *at, const unsigned char *end, Py_ssize_t *size)
{
    if (at >= end)
        return NULL;
    if (*at < 128) {
        *size = *at;
        return at + 1;
    }
    if (end - at < 4)
        return NULL;
    *size = ((Py_ssize_t)(at[0] & 0x7f) << 24) | (at[1] << 16) | (at[2] << 8) | at[3];
    return at + 4;
}

/* FastCGI 1.0, section 3.4. */
Py_ssize_t split_fastcgi(const char *block, Py_ssize_t size, Pair *pairs)
{
    const unsigned char *at = (const unsigned char *)block, *end = at + size;
    Py_ssize_t count = 0;
    while (at < end) {
        if (count == MAX_PAIRS)
            return -1;
        Pair *pair = &pairs[count++];
        if (!(at = read_size(at, end, &pair->name_size)) || !(at = read_size(at, end, &pair->value_size)))
            return -1;
        /* One after the other: the sum of two lengths that lie could wrap. */
        if (pair->name_size > end - at || pair->value_size > end - at - pair->name_size)
            return -1;
        pair->name = (const char *)at;
        pair->value = pair->name + pair->name_size;
        at += pair->name_size + pair->value_size;
    }
    return count;
}

static const char *read_text(const char *at, const char *end, const char **text, Py_ssize_t *size)
{
    if (end - at < 2)
        return NULL;
    *size = (unsigned char)at[0] | (unsigned char)at[1] << 8;
    *text = at + 2;
    return end - *text < *size ? NULL : *text + *size;
}

/* SCGI, section 3: the first is CONTENT_LENGTH, a number, and SCGI is 1. */
Py_ssize_t split_scgi(const char *block, Py_ssize_t size, Pair *pairs)
{
    const char *at = block, *end = block + size;
    Py_ssize_t count = 0;
    int is_scgi = 0;
    if (size == 0 || end[-1] != '\0')
        return -1;
    while (at < end) {
        if (count == MAX_PAIRS)
            return -1;
        Pair *pair = &pairs[count++];
        pair->name = at;
        pair->name_size = (Py_ssize_t)strlen(at); /* the block ends with a NUL */
        at += pair->name_size + 1;
        if (at >= end || pair->name_size == 0)
            return -1;
        pair->value = at;
        pair->value_size = (Py_ssize_t)strlen(at);
        at += pair->value_size + 1;
        if (pair->name_size == 4 && memcmp(pair->name, "SCGI", 4) == 0)
            is_scgi = pair->value_size == 1 && *pair->value == '1';
    }
    if (!is_scgi || pairs[0].name_size != 14 || memcmp(pairs[0].name, "CONTENT_LENGTH", 14) != 0)
        return -1;
    return pairs[0].value_size ? count : -1;
}

/* The uwsgi protocol: each text behind its size. Declined is where SCRIPT_NAME may have to come off PATH_INFO. */
Py_ssize_t split_uwsgi(const char *block, Py_ssize_t size, Pair *pairs)
{
    const char *at = block, *end = block + size;
    const Pair *script = NULL, *path = NULL;
    Py_ssize_t count = 0;
    while (at < end) {
        if (count == MAX_PAIRS)
            return -1;
        Pair *pair = &pairs[count++];
        if (!(at = read_text(at, end, &pair->name, &pair->name_size)) || pair->name_size == 0)
            return -1;
        if (!(at = read_text(at, end, &pair->value, &pair->value_size)))
            return -1;
        if (pair->name_size == 11 && memcmp(pair->name, "SCRIPT_NAME", 11) == 0)
            script = pair;
        if (pair->name_size == 9 && memcmp(pair->name, "PATH_INFO", 9) == 0)
            path = pair;
    }
    if (script != NULL && path != NULL && path->value_size > 0 && path->value_size <= script->value_size &&
        memcmp(script->value, path->value, path->value_size) == 0)
        return -1;
    return count;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static uint64_t hash_bytes(const char *text, Py_ssize_t size)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (Py_ssize_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return hash ^ (hash >> 29);
}

static void free_name(Name *name)
{
    if (name == NULL)
        return;
    free_name(name->left_out);
    Py_XDECREF(name->key);
    PyMem_Free(name->text);
    PyMem_Free(name);
}

void forget_names(Environs *self)
{
    for (int i = 0; i < SHAPES; i++)
        clear_shape(&self->shapes[i]);
    for (int i = 0; i < TABLE_SIZE; i++) {
        free_name(self->table[i]);
        self->table[i] = NULL;
    }
    self->names = 0;
    self->last = NULL;
}

/* Let Python judge a name that was not seen before. NULL: it is not allowed, or there is no memory. */
static Name *learn(Environs *self, const char *text, Py_ssize_t size, uint64_t hash)
{
    PyObject *bytes = PyBytes_FromStringAndSize(text, size);
    PyObject *key = bytes ? PyObject_GetItem(self->lookup, bytes) : NULL;
    Py_XDECREF(bytes);
    if (key == NULL) {
        PyErr_Clear();
        return NULL;
    }
    Name *name = PyMem_Calloc(1, sizeof *name), *left_out = PyMem_Calloc(1, sizeof *left_out);
    char *copy = PyMem_Malloc(size + 1);
    if (name == NULL || left_out == NULL || copy == NULL) {
        Py_DECREF(key);
        PyMem_Free(name);
        PyMem_Free(left_out);
        PyMem_Free(copy);
        return NULL;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    *name = (Name){.text = copy, .size = size, .hash = hash, .whole = name, .left_out = left_out};
    left_out->whole = name;
    name->header = strncmp(copy, "HTTP_", 5) == 0;
    int is_known = 0;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strcmp(copy, KNOWN[i].name) == 0) {
            name->kind = KNOWN[i].kind;
            name->flags = KNOWN[i].flags;
            is_known = 1;
        }
    /* Not the headers that clients invent: what is interned stays for ever in Python 3.12. */
    if (PyUnicode_CheckExact(key) && (is_known || !name->header))
        PyUnicode_InternInPlace(&key);
    int wins = key == Py_None ? 0 : PyDict_Contains(self->fixed, key);
    if (key == Py_None || wins || (name->flags & DERIVED))
        Py_DECREF(key);
    else
        name->key = key;
    return name;
}

Name *find_name(Environs *self, const char *text, Py_ssize_t size)
{
    uint64_t hash = hash_bytes(text, size);
    for (size_t i = hash % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
        Name *name = self->table[i];
        if (name == NULL) {
            if (self->names == MAX_NAMES)
                return NULL; /* the caller forgets all */
            name = learn(self, text, size, hash);
            if (name != NULL && self->table[i] == NULL) {
                self->table[i] = name;
                self->names++;
            }
            return name;
        }
        if (name->hash == hash && name->size == size && memcmp(name->text, text, size) == 0)
            return name;
    }
}

int deployer_sets_what_is_looked_at(PyObject *fixed)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (KNOWN[i].kind != ORDINARY && PyDict_GetItemString(fixed, KNOWN[i].name) != NULL)
            return 1;
    return 0;
}
