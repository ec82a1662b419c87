/* SPDX-License-Identifier: Apache-2.0 */
/* Several docker calls in a row. */
#include <errno.h>

#include "reference/base/log.h"
#include "reference/docker/docker.h"
#include "reference/host_front.h"

/* --- inspect, again and again --- */

struct patient {
    struct host_request request;
    struct docker *docker;
    char *name;
    struct docker_patience patience;
    struct host_request *attempt;
    struct host_request *timer; /* the pause, or the end of an attempt */
    struct done done;
};

static void patient_cancel(struct host_request *request)
{
    struct patient *patient = container_of(request, struct patient, request);
    host_cancel(patient->attempt);
    host_cancel(patient->timer);
    host_request_end(request);
    free(patient->name);
    free(patient);
}

static void patient_finish(
    struct patient *patient, int result, const void *value, const struct err *err)
{
    struct done done = patient->done;
    host_request_end(&patient->request);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
    patient_cancel(&patient->request);
}

static void patient_shutdown(struct host_request *request)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gone_error(&err);
    patient_finish(container_of(request, struct patient, request), r, NULL, &err);
}

static void patient_attempt(struct patient *patient);

static void patient_again(void *arg, int result)
{
    struct patient *patient = arg;
    patient->timer = NULL;
    if (result == 0)
        patient_attempt(patient);
}

static void patient_too_long(void *arg, int result)
{
    struct patient *patient = arg;
    patient->timer = NULL;
    if (result < 0)
        return;
    host_cancel(patient->attempt);
    patient->attempt = NULL;
    patient_attempt(patient);
}

static void patient_answered(void *arg, int result, const void *value, const struct err *err)
{
    struct patient *patient = arg;
    const struct docker_inspection *inspection = value;
    patient->attempt = NULL;
    host_cancel(patient->timer);
    patient->timer = NULL;
    if (result == -ESHUTDOWN)
        return; /* its own shutdown answers */
    bool again = result == -EREMOTEIO || (result == 0 && !inspection->started);
    if (again && patient->patience.interval_ns > 0)
        patient->timer = host_timer(
            patient->docker->host, patient->patience.interval_ns, patient_again, patient);
    else
        patient_finish(patient, result, value, err);
}

static void patient_attempt(struct patient *patient)
{
    patient->attempt =
        docker_inspect(patient->docker, patient->name, DONE(patient_answered, patient));
    if (patient->patience.attempt_ns > 0)
        patient->timer = host_timer(
            patient->docker->host, patient->patience.attempt_ns, patient_too_long, patient);
}

struct host_request *docker_inspect_patiently(struct docker *docker, const char *name,
    const struct docker_patience *patience, struct done done)
{
    struct patient *patient = mem_alloc(sizeof(*patient));
    patient->docker = docker;
    patient->name = str_dup(name);
    patient->patience = *patience;
    patient->done = done;
    host_request_add(docker->host, &patient->request, patient_cancel, patient_shutdown);
    patient_attempt(patient);
    return &patient->request;
}

/* --- the version, within a time --- */

#define VERSION_TIMEOUT_NS (5 * NS_PER_SEC)

struct version_call {
    struct host_request request;
    struct host_request *call;
    struct host_request *timer;
    struct done done;
};

static void version_cancel(struct host_request *request)
{
    struct version_call *version = container_of(request, struct version_call, request);
    host_cancel(version->call);
    host_cancel(version->timer);
    host_request_end(request);
    free(version);
}

static void version_finish(
    struct version_call *version, int result, const void *value, const struct err *err)
{
    struct done done = version->done;
    host_request_end(&version->request);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
    version_cancel(&version->request);
}

static void version_shutdown(struct host_request *request)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gone_error(&err);
    version_finish(container_of(request, struct version_call, request), r, NULL, &err);
}

static void version_answered(void *arg, int result, const void *value, const struct err *err)
{
    struct version_call *version = arg;
    version->call = NULL;
    if (result != -ESHUTDOWN)
        version_finish(version, result, value, err);
}

static void version_too_long(void *arg, int result)
{
    struct version_call *version = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    version->timer = NULL;
    if (result < 0)
        return;
    err_set(&err, -ETIMEDOUT, "docker version: no answer after %u s, killed",
        (unsigned)(VERSION_TIMEOUT_NS / NS_PER_SEC));
    version_finish(version, -ETIMEDOUT, NULL, &err);
}

struct host_request *docker_get_version(struct docker *docker, struct done done)
{
    const struct docker_call call = {.verb = DOCKER_VERSION};
    struct version_call *version = mem_alloc(sizeof(*version));
    version->done = done;
    host_request_add(docker->host, &version->request, version_cancel, version_shutdown);
    version->call = docker_start(docker, &call, DONE(version_answered, version));
    version->timer = host_timer(docker->host, VERSION_TIMEOUT_NS, version_too_long, version);
    return &version->request;
}

/* --- list and inspect all --- */

#define LIST_AT_A_TIME 100u /* docker.md 8 */

struct lister;
struct listed {
    struct lister *lister;
    struct host_request *inspect;
};
struct lister {
    struct host_request request;
    struct docker *docker;
    struct host_request *ps;
    char **names;
    struct listed *listed; /* one for each name */
    struct docker_inspections answers;
    size_t asked;
    size_t pending;
    struct done done;
};

static void lister_cancel(struct host_request *request)
{
    struct lister *lister = container_of(request, struct lister, request);
    host_cancel(lister->ps);
    for (size_t i = 0; i < lister->asked; i++)
        host_cancel(lister->listed[i].inspect);
    host_request_end(request);
    json_type_release(&docker_inspections_json, &lister->answers);
    strv_free(lister->names);
    free(lister->listed);
    free(lister);
}

static void lister_finish(struct lister *lister, int result, const struct err *err)
{
    struct done done = lister->done;
    host_request_end(&lister->request);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, &lister->answers);
    lister_cancel(&lister->request);
}

static void lister_shutdown(struct host_request *request)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gone_error(&err);
    lister_finish(container_of(request, struct lister, request), r, &err);
}

static void lister_next(struct lister *lister);

static void lister_inspected(void *arg, int result, const void *value, const struct err *err)
{
    struct listed *listed = arg;
    struct lister *lister = listed->lister;
    listed->inspect = NULL;
    lister->pending--;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0) {
        lister_finish(lister, result, err);
        return;
    }
    json_type_copy(
        &docker_inspection_json, &lister->answers.items[listed - lister->listed], value);
    if (lister->pending == 0)
        lister_next(lister);
}

/* The next batch; the end when there is none. */
static void lister_next(struct lister *lister)
{
    size_t end = lister->asked + LIST_AT_A_TIME;
    if (end > lister->answers.count)
        end = lister->answers.count;
    if (lister->asked == end) {
        lister_finish(lister, 0, NULL);
        return;
    }
    for (; lister->asked < end; lister->asked++) {
        struct listed *listed = &lister->listed[lister->asked];
        listed->lister = lister;
        lister->pending++;
        listed->inspect = docker_inspect(
            lister->docker, lister->names[lister->asked], DONE(lister_inspected, listed));
    }
}

static void lister_has_names(void *arg, int result, const void *value, const struct err *err)
{
    struct lister *lister = arg;
    lister->ps = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0) {
        lister_finish(lister, result, err);
        return;
    }
    lister->names = strv_copy(((const struct docker_names *)value)->names);
    lister->answers.count = strv_length(lister->names);
    if (lister->answers.count > 0) {
        lister->answers.items =
            mem_alloc(lister->answers.count * sizeof(*lister->answers.items));
        lister->listed = mem_alloc(lister->answers.count * sizeof(*lister->listed));
    }
    lister_next(lister);
}

struct host_request *docker_list(struct docker *docker, const char *prefix, struct done done)
{
    struct lister *lister = mem_alloc(sizeof(*lister));
    lister->docker = docker;
    lister->done = done;
    host_request_add(docker->host, &lister->request, lister_cancel, lister_shutdown);
    lister->ps = docker_ps(docker, prefix, DONE(lister_has_names, lister));
    return &lister->request;
}

/* --- stop and remove --- */

struct remover {
    struct host_request request;
    struct docker *docker;
    char *name;
    struct host_request *step;
    int result; /* of the stop */
    struct err err;
    struct done done;
};

static void remover_cancel(struct host_request *request)
{
    struct remover *remover = container_of(request, struct remover, request);
    host_cancel(remover->step);
    host_request_end(request);
    err_clear(&remover->err);
    free(remover->name);
    free(remover);
}

static void remover_finish(struct remover *remover, int result, const struct err *err)
{
    struct done done = remover->done;
    host_request_end(&remover->request);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
    remover_cancel(&remover->request);
}

static void remover_shutdown(struct host_request *request)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_gone_error(&err);
    remover_finish(container_of(request, struct remover, request), r, &err);
}

static void remover_removed(void *arg, int result, const void *value, const struct err *err)
{
    struct remover *remover = arg;
    (void)value;
    remover->step = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0)
        log_warning("docker: %s", err_text(err));
    remover_finish(remover, remover->result, &remover->err);
}

static void remover_stopped(void *arg, int result, const void *value, const struct err *err)
{
    struct remover *remover = arg;
    (void)value;
    remover->step = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0 && result != -EREMOTEIO) {
        remover->result = result;
        err_copy(&remover->err, err);
    }
    remover->step =
        docker_rm(remover->docker, remover->name, result < 0, DONE(remover_removed, remover));
}

struct host_request *docker_stop_and_remove(
    struct docker *docker, const char *name, int64_t timeout_ns, struct done done)
{
    struct remover *remover = mem_alloc(sizeof(*remover));
    remover->docker = docker;
    remover->name = str_dup(name);
    remover->done = done;
    host_request_add(docker->host, &remover->request, remover_cancel, remover_shutdown);
    remover->step = docker_stop(docker, name, timeout_ns, DONE(remover_stopped, remover));
    return &remover->request;
}
