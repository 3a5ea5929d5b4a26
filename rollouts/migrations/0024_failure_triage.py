import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rollouts', '0023_saved_views'),
    ]

    operations = [
        migrations.CreateModel(
            name='FailureTriage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('signature', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('new', 'new'), ('triaged', 'triaged'), ('fixing', 'fixing'), ('case_open', 'case_open'), ('accepted', 'accepted'), ('solved', 'solved')], default='new', max_length=12)),
                ('note', models.TextField(blank=True)),
                ('link', models.CharField(blank=True, help_text="an issue, or a case's number", max_length=400)),
                ('at', models.DateTimeField()),
                ('number', models.PositiveIntegerField(default=1, help_text='how often it was changed')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('package', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='triage', to='rollouts.package')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('package', 'signature'), name='one_triage_per_kind_of_failure'), models.CheckConstraint(condition=models.Q(('state__in', ['new', 'triaged', 'fixing', 'case_open', 'accepted', 'solved'])), name='triage_state_is_known')],
            },
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(fields=['signature'], name='attempt_signature'),
        ),
    ]
