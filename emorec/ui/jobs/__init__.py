"""Analysis jobs: the queue, the thread in which a job runs, the loaded checkpoints, and the checks of requests."""
