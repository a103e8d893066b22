// Command baseline is a plain controller on controller-runtime: the field's own engine beside the operator in `make bench-operator`.
//
// It reconciles NotejamInstances as a first version of any Go operator would: server-side apply of every child in each pass, then the status.
// Caches are typed, and everything that is not said here is controller-runtime's default.
package main

import (
	"context"
	"flag"
	"os"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const fieldOwner = client.FieldOwner("baseline")

var instanceKind = schema.GroupVersionKind{Group: "notejam.io", Version: "v1", Kind: "NotejamInstance"}

type reconciler struct {
	client.Client
	// JSON of the children, one a line, with placeholders for what differs from instance to instance.
	children []string
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	instance := &unstructured.Unstructured{}
	instance.SetGroupVersionKind(instanceKind)
	if err := r.Get(ctx, request.NamespacedName, instance); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	image, _, _ := unstructured.NestedString(instance.Object, "spec", "image")
	fill := strings.NewReplacer(
		"qqnamespace", instance.GetNamespace(), "qqname", instance.GetName(), "qquid", string(instance.GetUID()),
		"qqimage", image, "qqmark", markOf(instance),
	)
	for _, template := range r.children {
		child := &unstructured.Unstructured{}
		if err := child.UnmarshalJSON([]byte(fill.Replace(template))); err != nil {
			return ctrl.Result{}, err
		}
		if err := r.Apply(ctx, client.ApplyConfigurationFromUnstructured(child), fieldOwner, client.ForceOwnership); err != nil {
			return ctrl.Result{}, err
		}
	}
	if observed, _, _ := unstructured.NestedInt64(instance.Object, "status", "observedGeneration"); observed == instance.GetGeneration() {
		return ctrl.Result{}, nil
	}
	before := instance.DeepCopy()
	if err := unstructured.SetNestedField(instance.Object, instance.GetGeneration(), "status", "observedGeneration"); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.Status().Patch(ctx, instance, client.MergeFrom(before), fieldOwner)
}

func markOf(instance *unstructured.Unstructured) string {
	variables, _, _ := unstructured.NestedSlice(instance.Object, "spec", "app", "extraEnv")
	for _, variable := range variables {
		if fields, ok := variable.(map[string]any); ok {
			value, _ := fields["value"].(string)
			return value
		}
	}
	return ""
}

func instanceOfPod(_ context.Context, pod client.Object) []ctrl.Request {
	name, ok := pod.GetLabels()["app.kubernetes.io/instance"]
	if !ok {
		return nil
	}
	return []ctrl.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

func run() error {
	namespace := flag.String("namespace", "", "namespace to serve")
	template := flag.String("template", "", "file with the children, one JSON object a line")
	listen := flag.String("listen", "127.0.0.1:0", "address of metrics")
	probes := flag.String("probes", "127.0.0.1:0", "address of /healthz and /readyz")
	concurrency := flag.Int("max-concurrent", 16, "passes at once, as many as the operator's")
	flag.Parse()
	ctrl.SetLogger(zap.New())

	text, err := os.ReadFile(*template)
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Cache:                  cache.Options{DefaultNamespaces: map[string]cache.Config{*namespace: {}}},
		Metrics:                server.Options{BindAddress: *listen},
		HealthProbeBindAddress: *probes,
	})
	if err != nil {
		return err
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	instance := &unstructured.Unstructured{}
	instance.SetGroupVersionKind(instanceKind)
	err = ctrl.NewControllerManagedBy(manager).
		For(instance, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}).
		Owns(&batchv1.Job{}).
		Owns(&corev1.PersistentVolumeClaim{}).
		Owns(&corev1.Service{}).
		Owns(&networkingv1.Ingress{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(instanceOfPod)).
		WithOptions(controller.Options{MaxConcurrentReconciles: *concurrency}).
		Complete(&reconciler{Client: manager.GetClient(), children: strings.Split(strings.TrimSpace(string(text)), "\n")})
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	if err := run(); err != nil {
		ctrl.Log.Error(err, "The baseline has ended")
		os.Exit(1)
	}
}
