/* The physical limit: LMDB in C, the keys and sizes of Weft's own layout, one flush for
 * a group, no queue, no callers and nothing to encode.
 *
 *   c_loop DIRECTORY GROUP SECONDS
 *
 * An operation creates a thread: look the session and the name up, then put name, thread,
 * association, log entry and place in the log; counters once for a group. Ids grow, as
 * Weft's do; sessions are hit at random. Prints one line of JSON.
 */
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SESSIONS = 1000,
    ID = 17,           /* a tag and 16 bytes */
    NAME = 13,         /* "thread-17-123" */
    NAME_VALUE = 43,   /* sizes of values as Weft stores them */
    THREAD = 158,
    ASSOCIATION = 140,
    LOG = 312,
    PLACE = 23,
    COUNTERS = 31,
    SESSION = 90
};

enum tree { S, T, L, O, M, TREES };

static const char *const tree_names[TREES] = {"S", "T", "L", "O", "M"};
static unsigned char value[512];
static unsigned char sessions[SESSIONS][ID];
static uint64_t id_counter, sequence, random_state = 88172645463325252ull;

static void check(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "c_loop: %s: %s\n", what, mdb_strerror(code));
        exit(1);
    }
}

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static double seconds_of(struct timespec at)
{
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return seconds_of(at);
}

static double cpu(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return seconds_of(at);
}

static void make_id(unsigned char *id)
{
    uint64_t head = __builtin_bswap64(++id_counter), tail = next_random();
    id[0] = 1;
    memcpy(id + 1, &head, 8);
    memcpy(id + 9, &tail, 8);
}

static void put(MDB_txn *txn, MDB_dbi tree, const void *key, size_t key_size,
                size_t size, unsigned flags)
{
    MDB_val k = {key_size, (void *)key}, v = {size, value};
    check(mdb_put(txn, tree, &k, &v, flags), "put");
}

static void create_thread(MDB_txn *txn, const MDB_dbi *trees)
{
    const unsigned char *session = sessions[next_random() % SESSIONS];
    unsigned char thread[ID], operation[ID], key[2 * ID + 1], place[16] = {0};
    char name[NAME + 8];
    MDB_val k = {ID, (void *)session}, found;
    uint64_t number = __builtin_bswap64(++sequence);

    check(mdb_get(txn, trees[S], &k, &found), "look the session up");
    make_id(operation);
    make_id(thread);
    memcpy(place, &number, 8);

    snprintf(name, sizeof name, "thread-%06llu", (unsigned long long)(sequence % 1000000));
    memcpy(key, session, ID);
    key[ID] = 1;
    memcpy(key + ID + 1, name, NAME);
    put(txn, trees[S], key, ID + 1 + NAME, NAME_VALUE, MDB_NOOVERWRITE);

    memcpy(key, thread, ID);
    key[ID] = 0;
    put(txn, trees[T], key, ID + 1, THREAD, 0);
    key[ID] = 1;
    memcpy(key + ID + 1, session + 1, ID - 1);
    put(txn, trees[T], key, 2 * ID, ASSOCIATION, 0);

    put(txn, trees[L], place, sizeof place, LOG, MDB_APPEND);
    put(txn, trees[O], operation, ID, PLACE, 0);
}

static MDB_env *open_store(const char *directory, MDB_dbi *trees)
{
    MDB_env *env;
    MDB_txn *txn;
    check(mdb_env_create(&env), "create");
    check(mdb_env_set_mapsize(env, (size_t)16 << 30), "set the map size");
    check(mdb_env_set_maxdbs(env, TREES), "set the trees");
    check(mdb_env_open(env, directory, 0, 0600), "open");
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (int tree = 0; tree < TREES; tree++)
        check(mdb_dbi_open(txn, tree_names[tree], MDB_CREATE, &trees[tree]), "tree");
    for (int number = 0; number < SESSIONS; number++) {
        make_id(sessions[number]);
        put(txn, trees[S], sessions[number], ID, SESSION, 0);
    }
    check(mdb_txn_commit(txn), "commit");
    return env;
}

static size_t entries(MDB_env *env, MDB_dbi tree)
{
    MDB_txn *txn;
    MDB_stat stat;
    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
    check(mdb_stat(txn, tree, &stat), "stat");
    mdb_txn_abort(txn);
    return stat.ms_entries;
}

int main(int count, char **words)
{
    if (count != 4) {
        fprintf(stderr, "usage: c_loop DIRECTORY GROUP SECONDS\n");
        return 2;
    }
    MDB_dbi trees[TREES];
    MDB_env *env = open_store(words[1], trees);
    long group = atol(words[2]), operations = 0;
    double began = now(), began_cpu = cpu(), end = began + atof(words[3]);
    memset(value, 'v', sizeof value);
    while (now() < end) {
        MDB_txn *txn;
        check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
        for (long n = 0; n < group; n++)
            create_thread(txn, trees);
        put(txn, trees[M], "counters", 8, COUNTERS, 0);
        check(mdb_txn_commit(txn), "commit");
        operations += group;
    }
    printf("{\"operations\":%ld,\"elapsed_s\":%.6f,\"cpu_s\":%.6f,\"stored\":%zu,"
           "\"lmdb\":\"%s\"}\n",
           operations, now() - began, cpu() - began_cpu, entries(env, trees[L]),
           mdb_version(NULL, NULL, NULL));
    mdb_env_close(env);
    return 0;
}
