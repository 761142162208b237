"""What systems write into oom_score_adj: Kubernetes by QoS class (kubelet, pkg/kubelet/qos/policy.go), some daemons."""

from __future__ import annotations

from collections.abc import Mapping

# Guaranteed pods had -998 in early releases, the sandbox ("pause") container of Docker's time as well
KUBERNETES_GUARANTEED, KUBERNETES_BEST_EFFORT = -997, 1000

WRITTEN_BY: Mapping[str, int] = {
    "an exemption: never killed (sshd, systemd-udevd)": -1000,
    "kubelet, kube-proxy": -999,
    "a pod's sandbox; Guaranteed pods in early Kubernetes": -998,
    "Guaranteed pods": KUBERNETES_GUARANTEED,
    "what nobody has touched": 0,
    "a desktop's applications (systemd: 100 for the user's manager, 200 for applications)": 200,
    "BestEffort pods": KUBERNETES_BEST_EFFORT,
}


def burstable_adj(request_bytes: int, capacity_bytes: int) -> int:
    """What a Burstable container gets for the memory that it requests of a node's: 3 to 999.

    The whole node requested is next to Guaranteed, nothing requested next to BestEffort.
    """
    adj = 1000 - 1000 * request_bytes // capacity_bytes
    return min(max(adj, 1000 + KUBERNETES_GUARANTEED), KUBERNETES_BEST_EFFORT - 1)
